#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cachefmt/manifest.h"

static const struct grid standard = {24, 24};

static void fill_tile(struct manifest *manifest, uint32_t tile, uint64_t built, uint64_t entries)
{
    struct manifest_tile *row = &manifest->tiles[tile];
    row->built = built;
    row->info.entries = entries;
    row->info.outcomes[OUTCOME_FOUND] = entries - 1;
    row->info.outcomes[OUTCOME_NONE] = 1;
    row->info.oldest = 1700000000u + tile;
    row->info.newest = 1800000000u + tile;
    row->info.index_bytes = entries * 9;
    row->info.data_bytes = entries * 10;
    memset(row->info.id.bytes, (int)(tile % 251 + 1), PAIR_ID_BYTES);
}

static struct manifest *sample(struct grid grid)
{
    struct manifest *manifest;
    assert_int_equal(manifest_create(&manifest, grid, NULL), 0);
    manifest->generation = 7;
    (void)snprintf(manifest->run, sizeof manifest->run, "20261121T020000Z-1f3a");
    manifest->published = 1795226400u;
    for (uint32_t tile = 0; tile < grid_tiles(grid); tile += 3)
        fill_tile(manifest, tile, tile % 7 + 1, 100 + tile);
    manifest_seal(manifest);
    return manifest;
}

static char *print(const struct manifest *manifest)
{
    char *text;
    struct error err = {0};
    if (manifest_print(manifest, &text, &err) != 0)
        fail_msg("%s", err.message);
    return text;
}

static int parse(const char *text, size_t bytes, struct error *err)
{
    struct manifest *manifest;
    if (manifest_parse(&manifest, text, bytes, "M", err) != 0)
        return -1;
    manifest_free(manifest);
    return 0;
}

static void test_text_and_back(void **state)
{
    (void)state;
    struct manifest *manifest = sample(standard);
    char *text = print(manifest);
    struct manifest *again;
    struct error err;
    assert_int_equal(manifest_parse(&again, text, strlen(text), "M", &err), 0);
    assert_int_equal(again->generation, 7);
    assert_string_equal(again->run, "20261121T020000Z-1f3a");
    assert_int_equal(again->published, 1795226400u);
    assert_memory_equal(&again->digest, &manifest->digest, sizeof again->digest);
    for (uint32_t tile = 0; tile < 576; tile++) {
        const struct manifest_tile *a = &manifest->tiles[tile];
        const struct manifest_tile *b = &again->tiles[tile];
        assert_int_equal(b->info.tile, tile);
        assert_int_equal(b->info.grid.rows, 24);
        assert_memory_equal(a, b, sizeof *a);
    }
    char *twice = print(again);
    assert_string_equal(text, twice);
    size_t lines = 0;
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    assert_true(lines > 576 && lines < 600);
    manifest_free(again);
    manifest_free(manifest);
    free(text);
    free(twice);
}

static void test_every_changed_byte_is_found(void **state)
{
    (void)state;
    struct manifest *manifest = sample((struct grid){3, 2});
    char *text = print(manifest);
    size_t bytes = strlen(text);
    for (size_t i = 0; i < bytes; i++) {
        char old = text[i];
        for (unsigned change = 0; change < 12; change++) {
            unsigned value = change < 8 ? (unsigned char)old ^ 1u << change
                                        : (unsigned char)"\0 \"0"[change - 8];
            text[i] = (char)value;
            if (text[i] == old || (strchr(" \t\r\n", old) != NULL && value != 0 &&
                                   strchr(" \t\r\n", (int)value) != NULL))
                continue;
            if (parse(text, bytes, NULL) == 0)
                fail_msg("byte %zu from %02x to %02x is not found", i, (unsigned char)old, value);
        }
        text[i] = old;
    }
    for (size_t shorter = 0; shorter + 1 < bytes; shorter++)
        assert_int_not_equal(parse(text, shorter, NULL), 0);
    assert_int_equal(parse(text, bytes - 1, NULL), 0); /* the last line break */
    free(text);
    manifest_free(manifest);
}

static void test_bits_of_a_full_size_manifest(void **state)
{
    (void)state;
    struct manifest *manifest = sample(standard);
    char *text = print(manifest);
    size_t bytes = strlen(text);
    for (size_t i = 0; i < bytes; i += 97) {
        if (text[i] == '\n')
            continue;
        text[i] ^= 1;
        assert_int_not_equal(parse(text, bytes, NULL), 0);
        text[i] ^= 1;
    }
    free(text);
    manifest_free(manifest);
}

static void test_white_space_does_not_matter(void **state)
{
    (void)state;
    struct manifest *manifest = sample((struct grid){2, 2});
    char *text = print(manifest);
    struct buffer loose = {0};
    struct buffer tight = {0};
    bool quoted = false;
    for (const char *c = text; *c != '\0'; c++) {
        quoted ^= *c == '"';
        bool space = strchr(" \n", *c) != NULL;
        if (!quoted && strchr(",:{}[]", *c) != NULL)
            buffer_append(&loose, " \t\r\n", 4, NULL);
        buffer_append(&loose, c, 1, NULL);
        if (quoted || !space)
            buffer_append(&tight, c, 1, NULL);
    }
    assert_int_equal(parse((char *)loose.data, loose.used, NULL), 0);
    assert_int_equal(parse((char *)tight.data, tight.used, NULL), 0);
    buffer_free(&loose);
    buffer_free(&tight);
    free(text);
    manifest_free(manifest);
}

/* The text with `from` replaced by `to`, which must be refused. */
static void assert_refused(const char *text, const char *from, const char *to, const char *message)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    struct buffer changed = {0};
    buffer_append(&changed, text, (size_t)(at - text), NULL);
    buffer_append(&changed, to, strlen(to), NULL);
    buffer_append(&changed, at + strlen(from), strlen(at + strlen(from)), NULL);
    struct error err = {0};
    assert_int_not_equal(parse((char *)changed.data, changed.used, &err), 0);
    assert_int_equal(strncmp(err.message, "M ", 2), 0);
    if (strstr(err.message, message) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, message);
    buffer_free(&changed);
}

static void test_hostile_texts(void **state)
{
    (void)state;
    struct manifest *manifest = sample((struct grid){2, 2});
    char *text = print(manifest);
    assert_refused(text, "\"format\":1", "\"format\":2", "refreshd");
    assert_refused(text, "\"format\":1", "\"format\":1.0", "checksum");
    assert_refused(text, "\"format\":1", "\"format\":\"1\"", "format");
    assert_refused(text, "\"generation\":7", "\"generation\":-7", "generation");
    assert_refused(text, "\"generation\":7", "\"generation\":1e400", "generation");
    assert_refused(text, "\"generation\":7", "\"generation\":0", "generation");
    assert_refused(text, "\"generation\":7", "\"generation\":7,\"generation\":7", "checksum");
    assert_refused(text, "\"generation\":7", "\"generation\":7,\"more\":7", "checksum");
    assert_refused(text, "\"rows\":2", "\"rows\":4000000000", "grid");
    assert_refused(text, "\"rows\":2", "\"rows\":0", "grid");
    assert_refused(text, "\"rows\":2", "\"rows\":1", "checksum");
    assert_refused(text, "\"rows\":2", "\"rows\":3", "tile 4");
    assert_refused(text, "{\"tile\":1,\"entries\":0}", "[]", "tile 1");
    assert_refused(text, "{\"tile\":1,\"entries\":0}", "null", "tile 1");
    assert_refused(text, "\"found\":99", "\"found\":98", "tile 0");
    assert_refused(text, "\"run\":\"2026", "\"run\":\"\\u0032026", "checksum");
    assert_refused(text, "\"run\":\"2026", "\"run\":\"20261234567890123456789012345678901234",
                   "run");
    assert_int_not_equal(parse("", 0, NULL), 0);
    assert_int_not_equal(parse("null", 4, NULL), 0);
    free(text);
    manifest_free(manifest);
}

static void test_deep_and_large_texts(void **state)
{
    (void)state;
    size_t bytes = (size_t)6 << 20;
    char *text = malloc(bytes);
    assert_non_null(text);
    memset(text, '[', bytes);
    struct error err;
    assert_int_not_equal(parse(text, 1 << 20, &err), 0);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_int_not_equal(parse(text, bytes, &err), 0);
    assert_non_null(strstr(err.message, "larger"));
    free(text);
}

static void test_what_cannot_be_printed(void **state)
{
    (void)state;
    char *text;
    struct error err;
    struct manifest *manifest = sample((struct grid){2, 2});
    manifest->generation = 0;
    assert_int_not_equal(manifest_print(manifest, &text, &err), 0);
    manifest->generation = 7;
    manifest->run[3] = '"';
    assert_int_not_equal(manifest_print(manifest, &text, &err), 0);
    manifest->run[3] = 'x';
    manifest->tiles[3].built = 8; /* a generation to come */
    assert_int_not_equal(manifest_print(manifest, &text, &err), 0);
    assert_non_null(strstr(err.message, "tile 3"));
    manifest_free(manifest);
    assert_int_not_equal(manifest_create(&manifest, (struct grid){0, 24}, &err), 0);
    assert_int_not_equal(manifest_create(&manifest, (struct grid){101, 1}, &err), 0);
}

static void test_digest_follows_content(void **state)
{
    (void)state;
    struct manifest *a = sample(standard);
    struct manifest *b;
    assert_int_equal(manifest_copy(&b, a, NULL), 0);
    b->generation = 9;
    b->published++;
    b->tiles[0].built = 9;
    manifest_seal(b);
    assert_memory_equal(&a->digest, &b->digest, sizeof a->digest);
    struct manifest_tile row = b->tiles[3];
    b->tiles[3].info.id.bytes[15] ^= 1;
    manifest_seal(b);
    assert_memory_not_equal(&a->digest, &b->digest, sizeof a->digest);
    b->tiles[3] = row;
    b->tiles[4].info.entries = 5; /* the same pair in another tile is other content */
    b->tiles[4].info.id = row.info.id;
    b->tiles[3].info.entries = 0;
    manifest_seal(b);
    assert_memory_not_equal(&a->digest, &b->digest, sizeof a->digest);
    manifest_free(a);
    manifest_free(b);
    manifest_free(NULL);
}

static void test_figures(void **state)
{
    (void)state;
    struct manifest *manifest = sample((struct grid){2, 3});
    struct cache_figures figures = manifest_figures(manifest);
    assert_int_equal(figures.tiles, 6);
    assert_int_equal(figures.tiles_nonempty, 2);
    assert_int_equal(figures.entries, 203);
    assert_int_equal(figures.outcomes[OUTCOME_FOUND], 201);
    assert_int_equal(figures.outcomes[OUTCOME_NONE], 2);
    assert_int_equal(figures.index_bytes, 203 * 9);
    assert_int_equal(figures.data_bytes, 203 * 10);
    assert_int_equal(figures.oldest, 1700000000u);
    assert_int_equal(figures.newest, 1800000003u);
    manifest_free(manifest);
    assert_int_equal(manifest_create(&manifest, standard, NULL), 0);
    figures = manifest_figures(manifest);
    assert_int_equal(figures.entries + figures.oldest + figures.newest, 0);
    manifest_free(manifest);
}

static void test_read_names_the_file(void **state)
{
    (void)state;
    struct manifest *manifest;
    struct error err;
    assert_int_not_equal(manifest_read(&manifest, "/nonexistent/MANIFEST", &err), 0);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_non_null(strstr(err.message, "/nonexistent/MANIFEST"));
    assert_int_not_equal(manifest_read(&manifest, "/", &err), 0);
    assert_int_not_equal(manifest_read(&manifest, "/dev/zero", &err), 0);
}

static void test_pair_id_text(void **state)
{
    (void)state;
    struct pair_id id;
    char text[2 * PAIR_ID_BYTES + 1];
    assert_true(pair_id_parse("000102030405060708090a0b0c0d0eff", &id));
    assert_int_equal(id.bytes[15], 0xff);
    assert_string_equal(pair_id_format(&id, text), "000102030405060708090a0b0c0d0eff");
    assert_false(pair_id_parse("", &id));
    assert_false(pair_id_parse("000102030405060708090a0b0c0d0ef", &id));
    assert_false(pair_id_parse("000102030405060708090a0b0c0d0eff0", &id));
    assert_false(pair_id_parse("000102030405060708090A0b0c0d0eff", &id));
    assert_false(pair_id_parse("00010203040506070809 a0b0c0d0eff", &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_back),
        cmocka_unit_test(test_every_changed_byte_is_found),
        cmocka_unit_test(test_bits_of_a_full_size_manifest),
        cmocka_unit_test(test_white_space_does_not_matter),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_deep_and_large_texts),
        cmocka_unit_test(test_what_cannot_be_printed),
        cmocka_unit_test(test_digest_follows_content),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_read_names_the_file),
        cmocka_unit_test(test_pair_id_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
