#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stages/learned_store.h"
#include "tests/unit/learned_rig.h"

static struct learned_rig rig;

static int set_up(void **state)
{
    (void)state;
    learned_rig_open(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    learned_rig_close(&rig);
    return 0;
}

static int at(struct point point, struct entry *entry)
{
    struct error err = {0};
    int found = learned_at(rig.reader, point, entry, &err);
    if (found < 0)
        fail_msg("%s", err.message);
    return found;
}

static void an_entry_is_kept_as_it_was(void **state)
{
    (void)state;
    struct point point = {-123456789, LONGITUDE_LIMIT - 1};
    struct entry put = learned_entry(point, 1700000000, "Rue de l'\xc3\x89glise", OUTCOME_FOUND);
    struct entry entry;
    char *longest = malloc(FIELD_BYTES_LIMIT);
    assert_non_null(longest);
    memset(longest, 'x', FIELD_BYTES_LIMIT);
    put.address.field[FIELD_LABEL] = (struct slice){"\xf8, 7", 4};
    put.address.field[FIELD_COUNTRYCODE] = (struct slice){"fr", 2};
    put.address.field[FIELD_CITY] = (struct slice){longest, FIELD_BYTES_LIMIT};
    assert_int_equal(learned_count(rig.learned), 0);
    learned_rig_put(&rig, put);
    learned_rig_put(&rig, learned_entry((struct point){5, 6}, 9, NULL, OUTCOME_NONE));
    for (int again = 0; again < 2; again++) {
        assert_int_equal(learned_count(rig.learned), 2);
        assert_int_equal(learned_begin(rig.reader, NULL), 0);
        assert_int_equal(at(point, &entry), 1);
        assert_true(point_equal(entry.point, point));
        assert_int_equal(entry.outcome, OUTCOME_FOUND);
        assert_int_equal(entry.refreshed_at, 1700000000);
        assert_true(address_equal(&entry.address, &put.address));
        assert_int_equal(at((struct point){5, 6}, &entry), 1);
        assert_int_equal(entry.outcome, OUTCOME_NONE);
        assert_true(address_is_empty(&entry.address));
        assert_int_equal(at((struct point){6, 6}, &entry), 0);
        learned_end(rig.reader);
        learned_rig_again(&rig);
    }
    free(longest);
}

static void what_is_put_again_replaces(void **state)
{
    (void)state;
    struct entry entry;
    learned_rig_put(&rig, learned_entry((struct point){1, 2}, 5, NULL, OUTCOME_UNSURE));
    assert_int_equal(learned_begin(rig.reader, NULL), 0);
    learned_rig_put(&rig, learned_entry((struct point){1, 2}, 6, "A", OUTCOME_FOUND));
    assert_int_equal(learned_count(rig.learned), 1);
    /* A view is of one moment. */
    assert_int_equal(at((struct point){1, 2}, &entry), 1);
    assert_int_equal(entry.outcome, OUTCOME_UNSURE);
    learned_end(rig.reader);
    assert_int_equal(learned_begin(rig.reader, NULL), 0);
    assert_int_equal(at((struct point){1, 2}, &entry), 1);
    assert_int_equal(entry.outcome, OUTCOME_FOUND);
    learned_end(rig.reader);
}

static void a_table_is_read_beside_its_writer(void **state)
{
    (void)state;
    struct learned *other;
    struct learned_reader *reader;
    struct entry entry;
    struct error err;
    char path[100];
    (void)snprintf(path, sizeof path, "%s/no-such", rig.root);
    assert_int_equal(learned_open(&other, path, true, &err), -1);
    assert_int_equal(err.code, ERROR_MISSING);
    learned_rig_put(&rig, learned_entry((struct point){1, 2}, 6, "A", OUTCOME_FOUND));
    learned_reader_close(rig.reader);
    rig.reader = NULL;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int good = learned_open(&other, rig.table, true, &err) == 0 && learned_count(other) == 1 &&
                   learned_reader_open(&reader, other, &err) == 0 &&
                   learned_begin(reader, &err) == 0 &&
                   learned_at(reader, (struct point){1, 2}, &entry, &err) == 1;
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(learned_reader_open(&rig.reader, rig.learned, NULL), 0);
    learned_rig_put(&rig, learned_entry((struct point){1, 3}, 6, "A", OUTCOME_FOUND));
}

static void many_threads_may_read(void **state)
{
    (void)state;
    struct learned_reader *readers[300];
    struct entry entry;
    learned_rig_put(&rig, learned_entry((struct point){1, 2}, 6, "A", OUTCOME_FOUND));
    for (int i = 0; i < 300; i++) {
        assert_int_equal(learned_reader_open(&readers[i], rig.learned, NULL), 0);
        assert_int_equal(learned_begin(readers[i], NULL), 0);
    }
    for (int i = 0; i < 300; i++) {
        assert_int_equal(learned_at(readers[i], (struct point){1, 2}, &entry, NULL), 1);
        learned_end(readers[i]);
        learned_reader_close(readers[i]);
    }
}

static void flip(uint64_t offset, unsigned char bit)
{
    char path[100];
    unsigned char byte;
    (void)snprintf(path, sizeof path, "%s/data.mdb", rig.table);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= bit;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    (void)close(fd);
}

static uint64_t find_bytes(const char *text)
{
    char path[100];
    char *data;
    size_t bytes;
    (void)snprintf(path, sizeof path, "%s/data.mdb", rig.table);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    data = malloc(1 << 20);
    assert_non_null(data);
    bytes = fread(data, 1, 1 << 20, file);
    (void)fclose(file);
    char *found = memmem(data, bytes, text, strlen(text));
    assert_non_null(found);
    uint64_t offset = (uint64_t)(found - data);
    free(data);
    return offset;
}

/* Whatever is wrong, the table can't be opened, or reading says so, or what is read is what was
 * written. */
static void read_all(unsigned count)
{
    struct learned *learned;
    struct learned_reader *reader;
    struct error err = {0};
    double distance;
    if (learned_open(&learned, rig.table, false, &err) != 0) {
        assert_true(err.code == ERROR_CORRUPT || err.code == ERROR_STATE);
        assert_non_null(strstr(err.message, "data.mdb"));
        return;
    }
    assert_int_equal(learned_reader_open(&reader, learned, NULL), 0);
    assert_int_equal(learned_begin(reader, NULL), 0);
    for (unsigned i = 0; i < count; i++) {
        struct entry entry;
        struct point point = {(int32_t)i * 1000, 5};
        int found = learned_at(reader, point, &entry, &err);
        assert_true(found >= 0 || err.code == ERROR_CORRUPT || err.code == ERROR_STATE);
        if (found == 1)
            assert_memory_equal(entry.address.field[FIELD_STREET].data, "Unter den Linden", 16);
        (void)learned_nearest(reader, point, 1e6, &entry, &distance, &err);
    }
    learned_end(reader);
    learned_reader_close(reader);
    learned_close(learned);
}

static void damage_is_found(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    struct error err;
    struct stat status;
    char path[100];
    for (int32_t i = 0; i < COUNT; i++)
        learned_rig_put(
            &rig, learned_entry((struct point){i * 1000, 5}, 6, "Unter den Linden", OUTCOME_FOUND));
    learned_reader_close(rig.reader);
    learned_close(rig.learned);
    (void)snprintf(path, sizeof path, "%s/data.mdb", rig.table);
    assert_int_equal(stat(path, &status), 0);
    uint64_t random = 4;
    for (unsigned i = 0; i < 150; i++) {
        uint64_t offset = i < 100
                              ? find_bytes("Unter den Linden") - 200 + learned_random(&random) % 600
                              : learned_random(&random) % (uint64_t)status.st_size;
        unsigned char bit = (unsigned char)(1 << learned_random(&random) % 8);
        flip(offset, bit);
        read_all(COUNT);
        flip(offset, bit);
    }
    rig.learned = NULL;
    rig.reader = NULL;
    learned_rig_again(&rig);
    flip(find_bytes("Unter den Linden"), 1);
    struct entry entry;
    int damaged = 0;
    assert_int_equal(learned_begin(rig.reader, NULL), 0);
    for (int32_t i = 0; i < COUNT; i++)
        damaged += learned_at(rig.reader, (struct point){i * 1000, 5}, &entry, &err) < 0;
    learned_end(rig.reader);
    if (damaged > 0) { /* else it was a page that is used no more */
        assert_int_equal(err.code, ERROR_CORRUPT);
        assert_non_null(strstr(err.message, rig.table));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_entry_is_kept_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_put_again_replaces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_is_read_beside_its_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_threads_may_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_is_found, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
