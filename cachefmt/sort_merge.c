#include "cachefmt/sort_merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WRITE_BYTES ((size_t)256 * 1024)
#define READ_BYTES_LEAST ((size_t)4096)

struct run {
    uint64_t offset, end; /* in the file, not read yet */
    unsigned char *window;
    size_t at, filled;
    struct sort_record head;
};

struct sort_merge {
    int fd;
    char *path;
    unsigned char *pending; /* written, not in the file yet */
    size_t pending_bytes;
    uint64_t size;
    struct run *runs;
    size_t run_count, run_room;
    uint64_t run_begin;
    unsigned char *windows; /* NULL: they lie in the caller's memory */
    size_t window_bytes;
    uint32_t *heap; /* runs that have a head, the next one first */
    size_t heap_count;
};

int sort_merge_create(struct sort_merge **out, const char *directory, struct error *err)
{
    struct sort_merge *merge = calloc(1, sizeof *merge);
    if (merge == NULL)
        return error_memory(err, "sorting");
    merge->fd = -1;
    merge->pending = malloc(WRITE_BYTES);
    if (merge->pending == NULL || asprintf(&merge->path, "%s/import-scratch", directory) < 0) {
        merge->path = NULL;
        error_memory(err, "sorting");
        goto fail;
    }
    merge->fd = open(merge->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (merge->fd < 0) {
        error_io(err, errno, "create", merge->path);
        goto fail;
    }
    if (unlink(merge->path) != 0) {
        error_io(err, errno, "remove", merge->path);
        goto fail;
    }
    *out = merge;
    return 0;
fail:
    sort_merge_free(merge);
    return -1;
}

void sort_merge_free(struct sort_merge *merge)
{
    if (merge == NULL)
        return;
    if (merge->fd >= 0)
        (void)close(merge->fd);
    free(merge->path);
    free(merge->pending);
    free(merge->runs);
    free(merge->windows);
    free(merge->heap);
    free(merge);
}

static int write_pending(struct sort_merge *merge, struct error *err)
{
    const unsigned char *data = merge->pending;
    while (merge->pending_bytes > 0) {
        ssize_t written = pwrite(merge->fd, data, merge->pending_bytes, (off_t)merge->size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_io(err, written < 0 ? errno : ENOSPC, "write", merge->path);
        data += written;
        merge->pending_bytes -= (size_t)written;
        merge->size += (uint64_t)written;
    }
    return 0;
}

int sort_merge_write(struct sort_merge *merge, const void *data, size_t bytes, struct error *err)
{
    const unsigned char *from = data;
    while (bytes > 0) {
        size_t room = WRITE_BYTES - merge->pending_bytes;
        size_t part = bytes < room ? bytes : room;
        memcpy(merge->pending + merge->pending_bytes, from, part);
        merge->pending_bytes += part;
        from += part;
        bytes -= part;
        if (merge->pending_bytes == WRITE_BYTES && write_pending(merge, err) != 0)
            return -1;
    }
    return 0;
}

int sort_merge_end_run(struct sort_merge *merge, struct error *err)
{
    if (write_pending(merge, err) != 0)
        return -1;
    if (merge->run_count == merge->run_room) {
        size_t room = merge->run_room == 0 ? 16 : merge->run_room * 2;
        struct run *larger = realloc(merge->runs, room * sizeof *larger);
        if (larger == NULL)
            return error_memory(err, "sorting");
        merge->runs = larger;
        merge->run_room = room;
    }
    merge->runs[merge->run_count++] = (struct run){.offset = merge->run_begin, .end = merge->size};
    merge->run_begin = merge->size;
    return 0;
}

static int fill_window(struct sort_merge *merge, struct run *run, struct error *err)
{
    uint64_t left = run->end - run->offset;
    size_t wanted = left < merge->window_bytes ? (size_t)left : merge->window_bytes;
    run->at = 0;
    run->filled = 0;
    while (run->filled < wanted) {
        ssize_t got =
            pread(merge->fd, run->window + run->filled, wanted - run->filled, (off_t)run->offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_io(err, errno, "read", merge->path);
        if (got == 0)
            break;
        run->filled += (size_t)got;
        run->offset += (uint64_t)got;
    }
    return run->filled > 0 ? 0 : error_set(err, ERROR_CORRUPT, "%s ends too early", merge->path);
}

/* Take bytes of the run; out may be NULL. */
static int take_bytes(struct sort_merge *merge, struct run *run, void *out, size_t bytes,
                      struct error *err)
{
    unsigned char *to = out;
    while (bytes > 0) {
        if (run->at == run->filled && fill_window(merge, run, err) != 0)
            return -1;
        size_t part = run->filled - run->at;
        part = part < bytes ? part : bytes;
        if (to != NULL) {
            memcpy(to, run->window + run->at, part);
            to += part;
        }
        run->at += part;
        bytes -= part;
    }
    return 0;
}

/* Read the run's next header: 1; 0 at its end; -1. */
static int next_head(struct sort_merge *merge, struct run *run, struct error *err)
{
    if (run->at == run->filled && run->offset == run->end)
        return 0;
    if (take_bytes(merge, run, &run->head, sizeof run->head, err) != 0)
        return -1;
    if (run->head.bytes > SORT_RECORD_BODY_LIMIT)
        return error_set(err, ERROR_CORRUPT, "%s does not hold what was written", merge->path);
    return 1;
}

static bool run_before(const struct sort_merge *merge, uint32_t a, uint32_t b)
{
    const struct sort_record *left = &merge->runs[a].head;
    const struct sort_record *right = &merge->runs[b].head;
    return sort_record_same_point(left, right) ? a < b : sort_record_before(left, right);
}

static void sift_down(struct sort_merge *merge, size_t at)
{
    uint32_t moved = merge->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= merge->heap_count)
            break;
        if (child + 1 < merge->heap_count &&
            run_before(merge, merge->heap[child + 1], merge->heap[child]))
            child++;
        if (!run_before(merge, merge->heap[child], moved))
            break;
        merge->heap[at] = merge->heap[child];
        at = child;
    }
    merge->heap[at] = moved;
}

int sort_merge_begin(struct sort_merge *merge, void *memory, size_t bytes, struct error *err)
{
    unsigned char *windows = memory;
    merge->window_bytes = bytes / (merge->run_count + 1);
    if (merge->window_bytes < READ_BYTES_LEAST) {
        merge->window_bytes = READ_BYTES_LEAST;
        merge->windows = malloc(merge->run_count * READ_BYTES_LEAST + 1);
        windows = merge->windows;
    }
    merge->heap = calloc(merge->run_count + 1, sizeof *merge->heap);
    if (windows == NULL || merge->heap == NULL)
        return error_memory(err, "merging");
    for (size_t i = 0; i < merge->run_count; i++) {
        struct run *run = &merge->runs[i];
        run->window = windows + i * merge->window_bytes;
        int got = next_head(merge, run, err);
        if (got < 0)
            return -1;
        if (got > 0)
            merge->heap[merge->heap_count++] = (uint32_t)i;
    }
    for (size_t at = merge->heap_count; at-- > 0;)
        sift_down(merge, at);
    return 0;
}

const struct sort_record *sort_merge_head(const struct sort_merge *merge)
{
    return merge->heap_count > 0 ? &merge->runs[merge->heap[0]].head : NULL;
}

int sort_merge_take(struct sort_merge *merge, unsigned char *body, struct error *err)
{
    struct run *run = &merge->runs[merge->heap[0]];
    if (take_bytes(merge, run, body, run->head.bytes, err) != 0)
        return -1;
    int got = next_head(merge, run, err);
    if (got < 0)
        return -1;
    if (got == 0)
        merge->heap[0] = merge->heap[--merge->heap_count];
    if (merge->heap_count > 0)
        sift_down(merge, 0);
    return 0;
}
