/* The bounded channel from the workers to the writer: many producers, one consumer, a full channel
 * makes producers wait. Bounded in batches and in bytes. Its mutex guards everything in it. */
#ifndef REFRESHD_STAGES_CHANNEL_H
#define REFRESHD_STAGES_CHANNEL_H

#include "base/error.h"
#include "stages/answers.h"

struct channel;

/* channel_create: room for `batches` sealed batches and about `bytes` encoded bytes. */
int channel_create(struct channel **out, size_t batches, size_t bytes, struct error *err);

/* channel_free: frees batches still inside. No thread may be using it. */
void channel_free(struct channel *channel);

/* channel_push: hand one sealed batch to the writer; waits while the channel is full. On success
 * the channel owns batch; on failure (ERROR_CANCELED after channel_close) the caller still does.
 * Worker threads only. */
int channel_push(struct channel *channel, struct answer_batch *batch, struct error *err);

/* channel_pop: the next batch, in order of pushing; waits at most `seconds` (0 = do not wait).
 * 1 = *out is the caller's; 0 = nothing came in time; -1 = closed and empty. Writer only. */
int channel_pop(struct channel *channel, double seconds, struct answer_batch **out);

/* channel_close: pushes fail from now on, pops drain what is left. Any thread. */
void channel_close(struct channel *channel);

/* channel_length: batches waiting now, for status. */
size_t channel_length(const struct channel *channel);

#endif
