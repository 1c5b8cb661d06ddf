/* Documents that many ask for: made once, shared, never waited for when there is an older one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/api_cache.h"

struct source {
    _Atomic unsigned made;
    _Atomic bool fails, blocks;
    sem_t begun, go_on;
};

static int make(const void *context, struct buffer *out, struct error *err)
{
    struct source *source = (struct source *)(uintptr_t)context;
    char text[32];
    unsigned number = atomic_fetch_add(&source->made, 1) + 1;
    if (atomic_load(&source->blocks)) {
        assert_int_equal(sem_post(&source->begun), 0);
        assert_int_equal(sem_wait(&source->go_on), 0);
    }
    if (atomic_load(&source->fails))
        return error_set(err, ERROR_STATE, "told to");
    int length = snprintf(text, sizeof text, "document %u", number);
    return buffer_append(out, text, (size_t)length, err);
}

static struct api_cache *open_cache(struct source *source)
{
    struct api_cache *cache;
    memset(source, 0, sizeof *source);
    assert_int_equal(sem_init(&source->begun, 0, 0), 0);
    assert_int_equal(sem_init(&source->go_on, 0, 0), 0);
    assert_int_equal(api_cache_create(&cache, NULL), 0);
    return cache;
}

static void expect(struct api_cache *cache, enum api_document which, const struct source *source,
                   const char *text)
{
    struct buffer out = {0};
    struct error err;
    if (api_cache_read(cache, which, make, source, &out, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(out.used, strlen(text));
    assert_memory_equal(out.data, text, out.used);
    buffer_free(&out);
}

static void a_document_is_made_twice_a_second_at_most(void **state)
{
    (void)state;
    struct source source;
    struct api_cache *cache = open_cache(&source);
    double from = clock_monotonic();
    unsigned reads = 0;
    for (; source.made < 3 || reads <= 100; reads++) {
        struct buffer out = {0};
        assert_int_equal(api_cache_read(cache, API_STATUS, make, &source, &out, NULL), 0);
        buffer_free(&out);
    }
    unsigned most = (unsigned)((clock_monotonic() - from) / 0.5) + 1;
    assert_in_range(source.made, 3, most);
    api_cache_free(cache);
}

static void documents_are_apart_and_are_appended(void **state)
{
    (void)state;
    struct source source;
    struct api_cache *cache = open_cache(&source);
    struct buffer out = {0};
    expect(cache, API_STATUS, &source, "document 1");
    expect(cache, API_TILES, &source, "document 2");
    expect(cache, API_STATUS, &source, "document 1");
    assert_int_equal(buffer_append(&out, "x", 1, NULL), 0);
    assert_int_equal(api_cache_read(cache, API_HISTORY, make, &source, &out, NULL), 0);
    assert_memory_equal(out.data, "xdocument 3", out.used);
    buffer_free(&out);
    expect(cache, API_HISTORY, &source, "document 3");
    api_cache_free(cache);
    api_cache_free(NULL);
}

static void a_failure_is_told_and_not_kept(void **state)
{
    (void)state;
    struct source source;
    struct error err;
    struct buffer out = {0};
    struct api_cache *cache = open_cache(&source);
    source.fails = true;
    assert_int_equal(api_cache_read(cache, API_TILES, make, &source, &out, &err), -1);
    assert_string_equal(err.message, "told to");
    source.fails = false;
    expect(cache, API_TILES, &source, "document 2");
    api_cache_free(cache);
    buffer_free(&out);
}

struct reader {
    struct api_cache *cache;
    struct source *source;
};

static void *read_blocked(void *argument)
{
    struct reader *reader = argument;
    struct buffer out = {0};
    while (atomic_load(&reader->source->made) < 2) { /* until the old one is too old */
        assert_int_equal(api_cache_read(reader->cache, API_TILES, make, reader->source, &out, NULL),
                         0);
        buffer_clear(&out);
    }
    buffer_free(&out);
    return NULL;
}

static void nobody_waits_for_the_one_who_makes_it(void **state)
{
    (void)state;
    struct source source;
    struct reader reader = {open_cache(&source), &source};
    pthread_t thread;
    expect(reader.cache, API_TILES, &source, "document 1");
    source.blocks = true;
    assert_int_equal(pthread_create(&thread, NULL, read_blocked, &reader), 0);
    assert_int_equal(sem_wait(&source.begun), 0);
    for (int i = 0; i < 100; i++)
        expect(reader.cache, API_TILES, &source, "document 1");
    assert_int_equal(sem_post(&source.go_on), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    source.blocks = false;
    expect(reader.cache, API_TILES, &source, "document 2");
    assert_int_equal(source.made, 2);
    api_cache_free(reader.cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_made_twice_a_second_at_most),
        cmocka_unit_test(documents_are_apart_and_are_appended),
        cmocka_unit_test(a_failure_is_told_and_not_kept),
        cmocka_unit_test(nobody_waits_for_the_one_who_makes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
