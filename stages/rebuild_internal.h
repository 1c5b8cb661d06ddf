/* Inside the rebuild: a tile's answers as one stream in Morton order, and their join with its
 * entries. Private to rebuild*.c. */
#ifndef REFRESHD_STAGES_REBUILD_INTERNAL_H
#define REFRESHD_STAGES_REBUILD_INTERNAL_H

#include <pthread.h>

#include "cachefmt/pair_builder.h"
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
    const struct batch_list *batches; /* these alone, so that answers may be missing; NULL = all
                                       * that the ledger has, and there are all */
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
                        const struct batch_list *batches, uint64_t first, uint64_t end);
void answer_stream_close(struct answer_stream *stream);

/* answer_stream_next: 1 and *out, which lives until the next call; 0 at the end; -1. Where all
 * answers must be there, an ordinal without one is ERROR_CORRUPT. */
int answer_stream_next(struct answer_stream *stream, const struct settled_answer **out,
                       struct error *err);

/* The join of one tile. */
struct rebuild {
    const struct rebuild_settings *settings;
    struct tile_record *record; /* its counts grow */
    struct answer_stream answers;
    const struct settled_answer *answer; /* the next one, or NULL */
    struct tally *tally;                 /* what looks at each answered point; NULL = nothing */
    uint64_t count;                      /* of points it has looked at */
    struct slice stations[STATION_COUNT];
    struct answer_measure measure;        /* that `observed` has */
    struct observed observed;             /* the last of them */
    struct slice outcomes[SETTLED_COUNT]; /* their names */
    bool beside;                          /* the tile is being rebuilt just now */
    uint64_t now;                         /* then: unix milliseconds; else 0 */
};

/* rebuild_join: every entry of the tile, after its answer if it has one, into the builder (NULL =
 * nowhere), and what was answered past the tally. */
int rebuild_join(struct rebuild *rebuild, struct pair_builder *builder, struct error *err);

/* rebuild_observe_begin: before the first one, with the tally.
 * rebuild_observe: let the tally look at one answered point; changes says what count_changes
 * decided. */
struct changes {
    bool changed, lost, gained, country_changed;
};
void rebuild_observe_begin(struct rebuild *rebuild);
int rebuild_observe(struct rebuild *rebuild, const struct entry *old, const struct entry *new,
                    const struct changes *changes, struct error *err);

/* Counting beside a rebuild, in a thread of its own. counting_start: nothing is started when
 * nothing is to be counted; after a failure nothing is to be ended. counting_wait, once: the join
 * has ended, rebuild.tally and rebuild.count are there; -1 when it failed, for which err may be
 * NULL. Then counting_end. */
struct counting {
    struct rebuild_settings settings;
    struct tile_record record;
    struct rebuild rebuild;
    pthread_t thread;
    bool started;
    int result;
    struct error error;
};
int counting_start(struct counting *counting, const struct rebuild_settings *settings,
                   uint32_t tile, struct error *err);
int counting_wait(struct counting *counting, struct error *err);
void counting_end(struct counting *counting);

#endif
