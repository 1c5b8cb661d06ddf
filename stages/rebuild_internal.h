/* Inside the rebuild: a tile's answers as one stream in Morton order. Private to rebuild*.c. */
#ifndef REFRESHD_STAGES_REBUILD_INTERNAL_H
#define REFRESHD_STAGES_REBUILD_INTERNAL_H

#include "stages/rebuild.h"

/* One committed batch of the share being read. */
struct batch_source {
    struct answer_reader reader;
    uint64_t committed_at;
    struct settled_answer answer; /* the one it gives next */
};

/* The answers with ordinals [next, end) of the run, share by share; the batches of one share are in
 * memory at a time and are merged by ordinal. */
struct answer_stream {
    const struct rebuild_settings *settings;
    uint64_t next, end;
    uint32_t share;                  /* the one in memory, with its ordinals; */
    uint64_t share_first, share_end; /* share_end == 0: none is */
    struct buffer bytes;             /* of the share's batches */
    struct batch_source *sources;    /* `opened` of them */
    size_t opened, room;
    struct batch_source **heap; /* those with answers left, by ordinal */
    size_t waiting;
    uint64_t committed_at; /* of the answer given last, unix milliseconds; 0 = not known */
};

void answer_stream_open(struct answer_stream *stream, const struct rebuild_settings *settings,
                        uint64_t first, uint64_t end);
void answer_stream_close(struct answer_stream *stream);

/* answer_stream_next: 1 and *out, which lives until the next call; 0 at the end; -1. An ordinal
 * without an answer is ERROR_CORRUPT. */
int answer_stream_next(struct answer_stream *stream, const struct settled_answer **out,
                       struct error *err);

#endif
