/* Without memory, whichever allocation it is that fails: the error says so, and nothing leaks. The
 * sanitizers have allocators of their own, so under them there is nothing to test. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/report_config.h"
#include "tables/query.h"
#include "tests/unit/cache_rig.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#ifndef SANITIZED

static long allocations_left = -1; /* until one fails; negative: none does */
static long held;                  /* allocations that nobody has freed */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void __libc_free(void *memory);

static int fails(void)
{
    if (allocations_left < 0)
        return 0;
    return allocations_left-- == 0;
}

static void *counted(void *memory)
{
    held += memory != NULL;
    return memory;
}

void *malloc(size_t bytes)
{
    return fails() ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
    return fails() ? NULL : counted(__libc_calloc(count, bytes));
}

void *realloc(void *memory, size_t bytes)
{
    if (fails())
        return NULL;
    void *more = __libc_realloc(memory, bytes);
    held += memory == NULL && more != NULL;
    return more;
}

void free(void *memory)
{
    held -= memory != NULL;
    __libc_free(memory);
}

static struct cache *cache;
static struct tables *asked;

static int parse_usual(struct error *err)
{
    struct tables *tables;
    if (tables_parse(&tables, tables_of_a_run, err) != 0)
        return -1;
    tables_free(tables);
    return 0;
}

static int parse_rich(struct error *err)
{
    struct table table;
    if (table_parse(
            &table,
            "x = top(3)[tile, city] of \"a\", lat * 2 + 1 > 3 and city == \"b\" weight bytes "
            "when changed or not (lost and gained == true) or -lon < 3",
            err) != 0)
        return -1;
    table_clear(&table);
    return 0;
}

static int load_config(struct error *err)
{
    static const char text[] = "[report]\na = count\n b = sum of 1\nlatency =\n";
    struct config *config;
    char *merged;
    if (config_load_text("x.conf", text, strlen(text), &config, err) != 0)
        return -1;
    int result = report_config_text(config, "c = count\na =", &merged, err);
    config_free(config);
    if (result == 0)
        free(merged);
    return result;
}

static int run_query(struct error *err)
{
    const struct query_options options = {.tile = -1, .threads = 1, .now = 1700000000};
    struct tally *tally;
    if (query_run(cache, asked, &options, &tally, err) != 0)
        return -1;
    cJSON *json = tally_json(tally, err);
    tally_free(tally);
    cJSON_Delete(json);
    return json != NULL ? 0 : -1;
}

/* fail_each: let the first allocation fail, then the second, until it gets by with all of them. */
static void fail_each(int (*work)(struct error *), long least)
{
    for (long n = 0;; n++) {
        struct error err = {0};
        long before = held;
        allocations_left = n;
        int result = work(&err);
        bool reached = allocations_left < 0;
        allocations_left = -1;
        assert_int_equal(held, before);
        if (!reached) {
            assert_int_equal(result, 0);
            assert_true(n >= least);
            return;
        }
        assert_int_equal(result, -1);
        assert_int_equal(err.code, ERROR_MEMORY);
    }
}

static void tables_without_memory(void **state)
{
    (void)state;
    fail_each(parse_rich, 10);
    fail_each(parse_usual, 40);
}

static void a_configuration_without_memory(void **state)
{
    (void)state;
    fail_each(load_config, 100);
}

static void a_query_without_memory(void **state)
{
    (void)state;
    struct error err;
    cache_rig_must_publish(1, 0xF);
    cache = cache_rig_must_open(NULL);
    assert_int_equal(tables_parse(&asked, "a = count[city]\nb = sample(3) of label, city", &err),
                     0);
    assert_int_equal(run_query(&err), 0); /* what the cache checks once is behind it */
    fail_each(run_query, 10);
    tables_free(asked);
    cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_without_memory),
        cmocka_unit_test(a_configuration_without_memory),
        cmocka_unit_test_setup_teardown(a_query_without_memory, cache_rig_open, cache_rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0;
}

#endif
