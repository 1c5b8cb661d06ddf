/* What the client makes of a peer that has a good certificate and nothing else that is good. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <zstd.h>

#include "base/clock.h"
#include "fleet/exchange_client_internal.h"
#include "tests/unit/certificates_rig.h"
#include "tests/unit/fetch_rig.h"
#include "tests/unit/tls_rig.h"

static struct liar liar;

static void assert_fetched(int result)
{
    if (result != 0)
        fail_msg("%s", fetch_rig.err.message);
}

static void assert_error(int result, enum error_code code)
{
    assert_int_equal(result, -1);
    if (fetch_rig.err.code != code)
        fail_msg("not %s but %s: %s", error_name(code), error_name(fetch_rig.err.code),
                 fetch_rig.err.message);
}

/* The fetch from the liar alone ends like this, and with an honest source behind it well. */
static void assert_lies(const struct lie *lies, size_t count,
                        int fetch(const char *const *addresses), enum error_code code)
{
    const char *const alone[] = {liar.address, NULL};
    const char *const helped[] = {liar.address, fetch_rig.peer.address, NULL};
    liar_open(&liar, lies, count);
    assert_error(fetch(alone), code);
    assert_non_null(strstr(fetch_rig.err.message, liar.address));
    liar_close(&liar);
    liar_open(&liar, lies, count);
    assert_fetched(fetch(helped));
    assert_true(atomic_load(&liar.asked) > 0);
    liar_close(&liar);
}

static void assert_lie(struct lie lie, int fetch(const char *const *addresses),
                       enum error_code code)
{
    assert_lies(&lie, 1, fetch, code);
}

static struct buffer packed(const void *data, size_t bytes)
{
    struct buffer out = {0};
    assert_int_equal(buffer_reserve(&out, ZSTD_compressBound(bytes), NULL), 0);
    out.used = ZSTD_compress(out.data, out.room, data, bytes, 3);
    assert_false(ZSTD_isError(out.used));
    return out;
}

static struct buffer packed_record(void)
{
    return packed(fetch_rig.peer.record.data, fetch_rig.peer.record.used);
}

/* --- compressed things --------------------------------------------------------------------- */

static void other_bytes_are_refused(void **state)
{
    struct buffer other = {0};
    (void)state;
    exchange_rig_fill(&other, 5000);
    struct buffer body = packed(other.data, other.used);
    assert_lie((struct lie){.body = body.data, .bytes = body.used}, fetch_rig_answers,
               ERROR_CORRUPT);
    assert_lie((struct lie){.body = body.data, .bytes = body.used}, fetch_rig_learned,
               ERROR_CORRUPT);
    assert_lie((struct lie){.body = body.data, .bytes = body.used}, fetch_rig_manifest,
               ERROR_CORRUPT);
    buffer_free(&other);
    buffer_free(&body);
}

static void bytes_that_are_no_frame_are_refused(void **state)
{
    const struct buffer *plain = &fetch_rig.peer.record;
    (void)state;
    assert_lie((struct lie){.body = plain->data, .bytes = plain->used}, fetch_rig_answers,
               ERROR_CORRUPT);
    assert_lie((struct lie){.body = plain->data, .bytes = 3}, fetch_rig_answers, ERROR_CORRUPT);
    assert_lie((struct lie){.body = "", .bytes = 0}, fetch_rig_answers, ERROR_CORRUPT);
    assert_lie((struct lie){.body = "", .bytes = 0}, fetch_rig_manifest, ERROR_CORRUPT);
}

static void a_frame_without_its_end_is_refused(void **state)
{
    struct buffer body = packed_record();
    (void)state;
    assert_lie((struct lie){.body = body.data, .bytes = body.used - 1}, fetch_rig_answers,
               ERROR_CORRUPT);
    buffer_free(&body);
}

static void bytes_behind_the_frame_are_refused(void **state)
{
    static const unsigned char empty_frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0, 0};
    (void)state;
    for (size_t bytes = 1; bytes <= sizeof empty_frame; bytes += sizeof empty_frame - 1) {
        struct buffer body = packed_record();
        assert_int_equal(buffer_append(&body, empty_frame, bytes, NULL), 0);
        assert_lie((struct lie){.body = body.data, .bytes = body.used}, fetch_rig_answers,
                   ERROR_CORRUPT);
        buffer_free(&body);
    }
}

/* 1 GB of zeros in 33 KB: stopped at the limit, with no memory for them. */
static void a_bomb_does_not_go_off(void **state)
{
    size_t block = (size_t)64 << 20, count = 16;
    void *zeros = calloc(1, block);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    struct buffer bomb = {0};
    struct rusage before, after;
    (void)state;
    assert_int_equal(buffer_reserve(&bomb, (size_t)4 << 20, NULL), 0);
    ZSTD_outBuffer out = {bomb.data, bomb.room, 0};
    for (size_t i = 0; i < count; i++) {
        ZSTD_inBuffer in = {zeros, block, 0};
        while (in.pos < in.size)
            assert_false(ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue)));
    }
    ZSTD_inBuffer in = {NULL, 0, 0};
    assert_int_equal(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end), 0);
    bomb.used = out.pos;
    (void)getrusage(RUSAGE_SELF, &before);
    assert_lie((struct lie){.body = bomb.data, .bytes = bomb.used}, fetch_rig_answers,
               ERROR_CORRUPT);
    assert_lie((struct lie){.body = bomb.data, .bytes = bomb.used}, fetch_rig_learned,
               ERROR_CORRUPT);
    (void)getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 64 << 10); /* KiB */
    ZSTD_freeCCtx(context);
    buffer_free(&bomb);
    free(zeros);
}

/* --- pairs ----------------------------------------------------------------------------------- */

static void a_file_of_another_size_is_refused(void **state)
{
    struct buffer index = fetch_rig_file(false);
    (void)state;
    assert_lie((struct lie){.body = index.data, .bytes = index.used - 1}, fetch_rig_pair,
               ERROR_CORRUPT);
    assert_int_equal(buffer_append(&index, "x", 1, NULL), 0);
    assert_lie((struct lie){.body = index.data, .bytes = index.used}, fetch_rig_pair,
               ERROR_CORRUPT);
    assert_lie((struct lie){.body = "", .bytes = 0}, fetch_rig_pair, ERROR_CORRUPT);
    buffer_free(&index);
}

static void each_changed_byte_of_a_pair_is_found(void **state)
{
    struct buffer index = fetch_rig_file(false), data = fetch_rig_file(true);
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        bool in_data = i % 2 == 1;
        struct buffer *file = in_data ? &data : &index;
        unsigned char *byte = &file->data[file->used * i / 6];
        *byte ^= 0x10;
        struct lie lies[] = {{.body = index.data, .bytes = index.used},
                             {.body = data.data, .bytes = data.used}};
        assert_lies(lies, 2, fetch_rig_pair, ERROR_CORRUPT);
        *byte ^= 0x10;
    }
    buffer_free(&index);
    buffer_free(&data);
}

/* Whole, and its checksums are right: but it is not the pair of this tile. */
static void another_pair_is_refused(void **state)
{
    struct manifest_tile *row = &fetch_rig.manifest->tiles[1];
    const char *const from[] = {fetch_rig.peer.address, NULL};
    (void)state;
    row->info.newest++;
    assert_error(fetch_rig_pair(from), ERROR_CORRUPT);
    row->info.newest--;
    row->info.outcomes[OUTCOME_NONE]++;
    assert_error(fetch_rig_pair(from), ERROR_CORRUPT);
    row->info.outcomes[OUTCOME_NONE]--;
    assert_fetched(fetch_rig_pair(from));
}

static void another_manifest_is_refused(void **state)
{
    struct pair_id right = fetch_rig.manifest->digest;
    char *text;
    (void)state;
    fetch_rig.manifest->tiles[0].info.id.bytes[0] ^= 1;
    manifest_seal(fetch_rig.manifest);
    assert_int_equal(manifest_print(fetch_rig.manifest, &text, NULL), 0);
    fetch_rig.manifest->digest = right;
    assert_lie((struct lie){.body = text, .bytes = strlen(text)}, fetch_rig_manifest,
               ERROR_CORRUPT);
    free(text);
}

static void an_endless_body_is_cut_off(void **state)
{
    struct buffer much = {0};
    (void)state;
    exchange_rig_fill(&much, 5 << 20);
    assert_lie((struct lie){.body = much.data, .bytes = much.used}, fetch_rig_manifest,
               ERROR_CORRUPT);
    assert_lie((struct lie){.body = much.data, .bytes = much.used}, fetch_rig_pair, ERROR_CORRUPT);
    assert_true(exchange_client_bytes(fetch_rig.client) < 20 << 20);
    buffer_free(&much);
}

/* --- HTTP ------------------------------------------------------------------------------------ */

static void other_statuses_are_no_reply(void **state)
{
    static const struct {
        const char *head;
        enum error_code code;
    } cases[] = {{"HTTP/1.1 404 Not Found", ERROR_MISSING},
                 {"HTTP/1.1 500 Oh", ERROR_UNREACHABLE},
                 {"HTTP/1.1 503 Busy", ERROR_UNREACHABLE},
                 {"HTTP/1.1 301 There\r\nLocation: https://127.0.0.1:1/x", ERROR_UNREACHABLE},
                 {"HTTP/1.1 204 None", ERROR_UNREACHABLE},
                 {"HTTP/1.1 206 Part\r\nContent-Range: bytes 0-5/6", ERROR_CORRUPT},
                 {"HTTP/1.1 206 Part", ERROR_CORRUPT},
                 {"HTTP/1.1 416 No", ERROR_CORRUPT},
                 {"SSH-2.0-OpenSSH", ERROR_UNREACHABLE}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_lie((struct lie){.head = cases[i].head, .body = "abcdef", .bytes = 6},
                   fetch_rig_manifest, cases[i].code);
}

static void a_head_without_end_is_cut_off(void **state)
{
    struct buffer head = {0};
    static const char line[] = "\r\nX-More: 0123456789012345678901234567890123456789";
    (void)state;
    assert_int_equal(buffer_append(&head, "HTTP/1.1 200 OK", 15, NULL), 0);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(buffer_append(&head, line, sizeof line - 1, NULL), 0);
    assert_int_equal(buffer_append(&head, "\r\n\r\n", 5, NULL), 0);
    assert_lie((struct lie){.head = "HTTP/1.1 200 OK\r\nX: y",
                            .body = head.data,
                            .bytes = head.used,
                            .announced = 1},
               fetch_rig_manifest, ERROR_CORRUPT);
    buffer_free(&head);
}

/* --- broken transfers --------------------------------------------------------------------------
 */

/* The first connection gets the first half; the second what is asked for behind it. */
static void assert_resumes(const struct buffer *body, enum liar_end end,
                           int fetch(const char *const *addresses))
{
    size_t half = body->used / 2;
    char head[200], wanted[60];
    const char *const from[] = {liar.address, NULL};
    (void)snprintf(head, sizeof head, "HTTP/1.1 206 Rest\r\nContent-Range: bytes %zu-%zu/%zu", half,
                   body->used - 1, body->used);
    const struct lie lies[] = {
        {.body = body->data, .bytes = half, .announced = body->used, .end = end},
        {.body = "", .end = LIAR_SLAMS},
        {.head = head, .body = body->data + half, .bytes = body->used - half}};
    liar_open(&liar, lies, 3);
    assert_fetched(fetch(from));
    assert_int_equal(liar.asked, 3);
    (void)snprintf(wanted, sizeof wanted, "\r\nRange: bytes=%zu-\r\n", half);
    assert_null(strstr(liar.requests[0], "Range:"));
    assert_non_null(strstr(liar.requests[2], wanted));
    liar_close(&liar);
}

static void a_broken_transfer_goes_on(void **state)
{
    char *text;
    struct buffer answers = packed_record();
    struct buffer learned = packed(fetch_rig.peer.csv.data, fetch_rig.peer.csv.used);
    (void)state;
    assert_int_equal(manifest_print(fetch_rig.manifest, &text, NULL), 0);
    struct buffer manifest = {.data = (unsigned char *)text, .used = strlen(text)};
    static const enum liar_end ends[] = {LIAR_CLOSES, LIAR_BREAKS, LIAR_STALLS};
    for (size_t i = 0; i < 3; i++) {
        assert_resumes(&answers, ends[i], fetch_rig_answers);
        assert_resumes(&learned, ends[i], fetch_rig_learned);
        assert_resumes(&manifest, ends[i], fetch_rig_manifest);
    }
    free(text);
    buffer_free(&answers);
    buffer_free(&learned);
}

static void a_source_that_begins_anew_is_followed(void **state)
{
    struct buffer body = packed_record();
    const char *const from[] = {liar.address, NULL};
    const struct lie lies[] = {
        {.body = body.data, .bytes = body.used / 2, .announced = body.used, .end = LIAR_BREAKS},
        {.body = body.data, .bytes = body.used}};
    (void)state;
    liar_open(&liar, lies, 2);
    assert_fetched(fetch_rig_answers(from));
    liar_close(&liar);
    buffer_free(&body);
}

static void a_part_from_somewhere_else_is_refused(void **state)
{
    struct buffer body = packed_record();
    const struct lie lies[] = {
        {.body = body.data, .bytes = body.used / 2, .announced = body.used, .end = LIAR_BREAKS},
        {.head = "HTTP/1.1 206 Rest\r\nContent-Range: bytes 7-99/100",
         .body = body.data,
         .bytes = body.used / 2}};
    (void)state;
    assert_lies(lies, 2, fetch_rig_answers, ERROR_CORRUPT);
    buffer_free(&body);
}

/* What it sent of a pair stays and is used; of compressed things the next begins anew. */
static void a_source_that_dies_in_the_middle_is_replaced(void **state)
{
    struct buffer index = fetch_rig_file(false), answers = packed_record();
    const char *const from[] = {liar.address, fetch_rig.peer.address, NULL};
    const struct lie pair[] = {
        {.body = index.data, .bytes = index.used / 2, .announced = index.used, .end = LIAR_BREAKS},
        {.body = "", .end = LIAR_SLAMS}};
    const struct lie record[] = {
        {.body = answers.data, .bytes = 1000, .announced = answers.used, .end = LIAR_STALLS},
        {.body = "", .end = LIAR_SLAMS}};
    (void)state;
    liar_open(&liar, pair, 2);
    assert_fetched(fetch_rig_pair(from));
    assert_int_equal(exchange_client_bytes(fetch_rig.client),
                     index.used + fetch_rig.manifest->tiles[1].info.data_bytes);
    liar_close(&liar);
    liar_open(&liar, record, 2);
    assert_fetched(fetch_rig_answers(from));
    liar_close(&liar);
    buffer_free(&index);
    buffer_free(&answers);
}

/* The liar's half is poison; the honest one's rest does not fit, so it is asked for all of it. */
static void poison_of_one_source_does_not_spoil_the_next(void **state)
{
    struct buffer index = fetch_rig_file(false);
    const char *const from[] = {liar.address, fetch_rig.peer.address, NULL};
    (void)state;
    index.data[index.used / 4] ^= 1;
    const struct lie lies[] = {
        {.body = index.data, .bytes = index.used / 2, .announced = index.used, .end = LIAR_BREAKS},
        {.body = "", .end = LIAR_SLAMS}};
    liar_open(&liar, lies, 2);
    assert_fetched(fetch_rig_pair(from));
    liar_close(&liar);
    buffer_free(&index);
}

static void silence_is_not_waited_for(void **state)
{
    static const struct lie silent = {
        .head = "HTTP/1.1 200 OK", .body = "", .announced = 100, .end = LIAR_STALLS};
    (void)state;
    double begin = clock_monotonic();
    assert_lie(silent, fetch_rig_pair, ERROR_UNREACHABLE);
    assert_true(clock_monotonic() - begin < 30);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fetch_rig_open, fetch_rig_close)
    const struct CMUnitTest tests[] = {
        TEST(other_bytes_are_refused),
        TEST(bytes_that_are_no_frame_are_refused),
        TEST(a_frame_without_its_end_is_refused),
        TEST(bytes_behind_the_frame_are_refused),
        TEST(a_bomb_does_not_go_off),
        TEST(a_file_of_another_size_is_refused),
        TEST(each_changed_byte_of_a_pair_is_found),
        TEST(another_pair_is_refused),
        TEST(another_manifest_is_refused),
        TEST(an_endless_body_is_cut_off),
        TEST(other_statuses_are_no_reply),
        TEST(a_head_without_end_is_cut_off),
        TEST(a_broken_transfer_goes_on),
        TEST(a_source_that_begins_anew_is_followed),
        TEST(a_part_from_somewhere_else_is_refused),
        TEST(a_source_that_dies_in_the_middle_is_replaced),
        TEST(poison_of_one_source_does_not_spoil_the_next),
        TEST(silence_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, certificates_rig_open, certificates_rig_close);
}
