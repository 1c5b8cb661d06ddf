#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cachefmt/transfer.h"
#include "daemon/refreshctl_lookup.h"

#define ROOM_BYTES 65536
#define BATCH_LINES 2048
#define LONGEST_LINE 256

struct question {
    struct point point;
    bool bad;
    struct error error;
};

struct stream {
    char room[ROOM_BYTES];
    size_t used;
    bool skipping; /* a line that is too long was refused: its rest is not a line */
    bool some_missed;
    size_t count;
    struct question questions[BATCH_LINES];
    struct point points[BATCH_LINES]; /* of the good ones */
    struct cache_hit hits[BATCH_LINES];
};

static void print_bad(struct lookup *lookup, const struct error *err)
{
    if (!lookup->json) {
        (void)printf("error: %s\n", err->message);
        return;
    }
    struct error ignored;
    buffer_clear(&lookup->text);
    (void)buffer_append_json_string(&lookup->text, err->message, strlen(err->message), &ignored);
    (void)printf("{\"error\":%.*s}\n", (int)lookup->text.used, (const char *)lookup->text.data);
}

/* One by one, so that a harmed pair spoils only its own answers. */
static void find_singly(struct lookup *lookup, struct stream *stream)
{
    size_t good = 0;
    for (size_t i = 0; i < stream->count; i++) {
        struct question *question = &stream->questions[i];
        if (question->bad)
            continue;
        struct cache_hit *hit = &stream->hits[good++];
        int found =
            cache_nearest(lookup->cache, question->point, lookup->radius, hit, &question->error);
        question->bad = found < 0;
        if (found == 0)
            hit->row = UINT64_MAX;
    }
}

static void answer_all(struct lookup *lookup, struct stream *stream, const bool *asked)
{
    size_t good = 0;
    for (size_t i = 0; i < stream->count; i++) {
        struct question *question = &stream->questions[i];
        const struct cache_hit *hit = asked[i] ? &stream->hits[good++] : NULL;
        int answered = -1;
        if (!question->bad)
            answered = lookup_answer(lookup, question->point, hit->row == UINT64_MAX ? NULL : hit,
                                     &question->error);
        if (answered < 0)
            print_bad(lookup, &question->error);
        stream->some_missed = stream->some_missed || answered != 0;
    }
}

static int answer_batch(struct lookup *lookup, struct stream *stream, struct error *err)
{
    size_t good = 0;
    if (stream->count == 0)
        return 0;
    bool *asked = malloc(stream->count * sizeof *asked);
    if (asked == NULL)
        return error_memory(err, "a batch of lookups");
    for (size_t i = 0; i < stream->count; i++) {
        asked[i] = !stream->questions[i].bad;
        if (asked[i])
            stream->points[good++] = stream->questions[i].point;
    }
    if (lookup_hold(lookup, err) != 0) {
        free(asked);
        return -1;
    }
    if (cache_nearest_batch(lookup->cache, stream->points, good, lookup->radius, stream->hits,
                            err) != 0)
        find_singly(lookup, stream);
    answer_all(lookup, stream, asked);
    lookup_let_go(lookup);
    free(asked);
    stream->count = 0;
    return 0;
}

static void read_question(struct question *question, char *line, size_t length)
{
    char *rest = NULL;
    question->bad = true;
    if (length > LONGEST_LINE) {
        error_set(&question->error, ERROR_USAGE, "a line of more than %d bytes", LONGEST_LINE);
        return;
    }
    if (memchr(line, '\0', length) != NULL) {
        error_set(&question->error, ERROR_USAGE, "a line with a NUL byte");
        return;
    }
    line[length] = '\0';
    const char *lat = strtok_r(line, " \t\r", &rest);
    const char *lon = strtok_r(NULL, " \t\r", &rest);
    if (lat == NULL || lon == NULL || strtok_r(NULL, " \t\r", &rest) != NULL) {
        error_set(&question->error, ERROR_USAGE, "a line is LAT LON, two numbers");
        return;
    }
    question->bad = lookup_point(lat, lon, &question->point, &question->error) != 0;
}

static int add_line(struct lookup *lookup, struct stream *stream, char *line, size_t length,
                    struct error *err)
{
    if (stream->skipping) {
        stream->skipping = false;
        return 0;
    }
    read_question(&stream->questions[stream->count++], line, length);
    return stream->count == BATCH_LINES ? answer_batch(lookup, stream, err) : 0;
}

/* Take every whole line out of the room; what is left of the last one moves to its front. */
static int take_lines(struct lookup *lookup, struct stream *stream, struct error *err)
{
    char *at = stream->room;
    char *end = stream->room + stream->used, *newline;
    while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        if (add_line(lookup, stream, at, (size_t)(newline - at), err) != 0)
            return -1;
        at = newline + 1;
    }
    stream->used = (size_t)(end - at);
    memmove(stream->room, at, stream->used);
    if (stream->used > LONGEST_LINE) {
        if (!stream->skipping && add_line(lookup, stream, stream->room, stream->used, err) != 0)
            return -1;
        stream->skipping = true;
        stream->used = 0;
    }
    return answer_batch(lookup, stream, err);
}

int lookup_stream(struct lookup *lookup, struct error *err)
{
    int result = -1;
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return error_memory(err, "a batch of lookups");
    for (;;) {
        /* One byte of the room stays free for the NUL behind a last line without an end. */
        ssize_t got =
            read(STDIN_FILENO, stream->room + stream->used, sizeof stream->room - 1 - stream->used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            error_io(err, errno, "read", "standard input");
            goto out;
        }
        if (got == 0)
            break;
        stream->used += (size_t)got;
        if (take_lines(lookup, stream, err) != 0)
            goto out;
        if (fflush(stdout) != 0) {
            error_io(err, errno, "write", "standard output");
            goto out;
        }
    }
    if (stream->used > 0 && (add_line(lookup, stream, stream->room, stream->used, err) != 0 ||
                             answer_batch(lookup, stream, err) != 0))
        goto out;
    result = stream->some_missed;
out:
    free(stream);
    return result;
}
