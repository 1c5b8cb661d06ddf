#include <stdlib.h>

#include "fleet/exchange_client_internal.h"

/* A frame that needs more memory to unpack is none of ours: they are made with less. */
#define WINDOW_LOG_MOST 23

int sink_take(struct sink *sink, const void *data, size_t bytes, struct error *err)
{
    if (bytes > sink->most - sink->have)
        return error_set(err, ERROR_CORRUPT, "it is longer than %llu bytes",
                         (unsigned long long)sink->most);
    if (sink->take(sink, data, bytes, err) != 0)
        return -1;
    sink->have += bytes;
    return 0;
}

int sink_restart(struct sink *sink, struct error *err)
{
    sink->have = 0;
    return sink->restart(sink, err);
}

/* --- memory ---------------------------------------------------------------------------- */

static int memory_take(struct sink *sink, const void *data, size_t bytes, struct error *err)
{
    return buffer_append(&((struct memory_sink *)sink)->data, data, bytes, err);
}

static int memory_restart(struct sink *sink, struct error *err)
{
    (void)err;
    buffer_clear(&((struct memory_sink *)sink)->data);
    return 0;
}

void memory_sink_open(struct memory_sink *sink, uint64_t most)
{
    *sink = (struct memory_sink){
        .sink = {.most = most, .take = memory_take, .restart = memory_restart}};
}

void memory_sink_close(struct memory_sink *sink)
{
    buffer_free(&sink->data);
}

/* --- zstd ------------------------------------------------------------------------------ */

static int unpack_restart(struct sink *sink, struct error *err)
{
    struct unpack_sink *unpack = (struct unpack_sink *)sink;
    (void)ZSTD_DCtx_reset(unpack->context, ZSTD_reset_session_only);
    unpack->ended = false;
    return sink_restart(unpack->into, err);
}

static int unpack_take(struct sink *sink, const void *data, size_t bytes, struct error *err)
{
    struct unpack_sink *unpack = (struct unpack_sink *)sink;
    ZSTD_inBuffer in = {.src = data, .size = bytes};
    bool full = false; /* the block: there may be more without more input */
    while (in.pos < in.size || full) {
        ZSTD_outBuffer out = {.dst = unpack->block, .size = ZSTD_DStreamOutSize()};
        if (unpack->ended)
            return error_set(err, ERROR_CORRUPT, "there are bytes behind its end");
        size_t left = ZSTD_decompressStream(unpack->context, &out, &in);
        if (ZSTD_isError(left))
            return error_set(err, ERROR_CORRUPT, "it can't be unpacked: %s",
                             ZSTD_getErrorName(left));
        if (sink_take(unpack->into, unpack->block, out.pos, err) != 0)
            return -1;
        unpack->ended = left == 0;
        full = out.pos == out.size && !unpack->ended;
    }
    return 0;
}

/* Of whatever can be unpacked to so many bytes. */
static uint64_t packed_most(uint64_t bytes)
{
    return bytes > SIZE_MAX / 2 ? UINT64_MAX : ZSTD_compressBound((size_t)bytes);
}

int unpack_sink_open(struct unpack_sink *sink, struct sink *into, struct error *err)
{
    *sink = (struct unpack_sink){
        .sink = {.most = packed_most(into->most), .take = unpack_take, .restart = unpack_restart},
        .into = into,
        .context = ZSTD_createDCtx(),
        .block = malloc(ZSTD_DStreamOutSize()),
    };
    if (sink->context == NULL || sink->block == NULL ||
        ZSTD_isError(ZSTD_DCtx_setParameter(sink->context, ZSTD_d_windowLogMax, WINDOW_LOG_MOST))) {
        unpack_sink_close(sink);
        return error_memory(err, "unpacking");
    }
    return 0;
}

void unpack_sink_close(struct unpack_sink *sink)
{
    (void)ZSTD_freeDCtx(sink->context);
    free(sink->block);
    sink->context = NULL;
    sink->block = NULL;
}
