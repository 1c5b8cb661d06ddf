/* The answer log: append-only files STATE/answers/NNNNNN.log of whole answer batches. The ledger
 * says how far it is committed; what lies behind that is a torn tail and is cut off at opening.
 * One writer thread appends; any thread reads committed records. */
#ifndef REFRESHD_STAGES_ANSWERLOG_H
#define REFRESHD_STAGES_ANSWERLOG_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct answer_place {
    uint32_t file; /* NNNNNN */
    uint32_t bytes;
    uint64_t offset;
};

struct answer_log;

/* answer_log_open: open directory (made when missing) for appending behind `end` (the place after
 * the last committed batch: file, offset; bytes ignored). Later bytes and files are removed. */
int answer_log_open(struct answer_log **out, const char *directory, struct answer_place end,
                    struct error *err);
void answer_log_close(struct answer_log *log); /* NULL is allowed */

/* answer_log_append: buffer one record; *place says where it will be. A new file is begun when the
 * present one is large (64 MB). */
int answer_log_append(struct answer_log *log, const void *data, size_t bytes,
                      struct answer_place *place, struct error *err);

/* answer_log_sync: write out and fsync what was appended. A failure is final for this object. */
int answer_log_sync(struct answer_log *log, struct error *err);

/* answer_log_end: where the next record goes. */
struct answer_place answer_log_end(const struct answer_log *log);

/* answer_log_read: read one committed record into *out (appended). Static in the sense that it
 * needs only the directory: the rebuild reads while the writer appends. */
int answer_log_read(const char *directory, struct answer_place place, struct buffer *out,
                    struct error *err);

/* answer_log_path: allocated path of a file of the log, for messages. */
char *answer_log_path(const char *directory, uint32_t file);

/* answer_log_remove: remove all files of the log and the directory. */
int answer_log_remove(const char *directory, struct error *err);

#endif
