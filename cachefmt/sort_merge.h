/* Sorted runs in one scratch file, and their merge. Writing is sequential; merging reads every run
 * sequentially through its own buffer, so one file descriptor serves any number of runs.
 *
 *   sort_merge_create(&merge, directory, err);
 *   sort_merge_write(merge, ...); sort_merge_end_run(merge, err);   once or more
 *   sort_merge_begin(merge, memory, bytes, err);
 *   while ((head = sort_merge_head(merge)) != NULL) sort_merge_take(merge, body, err);
 *   sort_merge_free(merge);
 *
 * The file, import-scratch, loses its name as soon as it is open: it goes away with the process,
 * however that ends. One thread at a time. */
#ifndef REFRESHD_CACHEFMT_SORT_MERGE_H
#define REFRESHD_CACHEFMT_SORT_MERGE_H

#include "base/error.h"
#include "cachefmt/sort_record.h"

struct sort_merge;

int sort_merge_create(struct sort_merge **out, const char *directory, struct error *err);

/* sort_merge_write: append bytes to the run being written: records in order. */
int sort_merge_write(struct sort_merge *merge, const void *data, size_t bytes, struct error *err);
int sort_merge_end_run(struct sort_merge *merge, struct error *err);

/* sort_merge_begin: start to merge, with memory (outlives the merge) split among the runs. */
int sort_merge_begin(struct sort_merge *merge, void *memory, size_t bytes, struct error *err);

/* sort_merge_head: the record that is next; equal keys in the order in which the runs were
 * written. NULL at the end. */
const struct sort_record *sort_merge_head(const struct sort_merge *merge);

/* sort_merge_take: put the head's body at body (NULL: drop it) and go on to the next. */
int sort_merge_take(struct sort_merge *merge, unsigned char *body, struct error *err);

void sort_merge_free(struct sort_merge *merge); /* NULL is allowed */

#endif
