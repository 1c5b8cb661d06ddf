/* The one way to write a file that must survive a power cut.
 *
 *   struct durable_file *f;
 *   durable_create(&f, "/x/MANIFEST", err);      writes /x/MANIFEST.tmp
 *   durable_write(f, bytes, n, err);             buffered, sequential
 *   durable_overwrite(f, 0, header, 64, err);    patches what is already written
 *   durable_commit(f, err);                      flush, fsync, rename, fsync of the directory
 *
 * An error of any call is final for the file: an fsync that failed is never tried again. After a
 * failed write the caller calls durable_abort. Each object belongs to one thread at a time. */
#ifndef REFRESHD_BASE_DURABLE_H
#define REFRESHD_BASE_DURABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct durable_file;

/* durable_create: open PATH.tmp (truncated when it exists) for writing. The caller owns *out. */
int durable_create(struct durable_file **out, const char *path, struct error *err);

int durable_write(struct durable_file *file, const void *data, size_t bytes, struct error *err);

/* durable_overwrite: replace bytes inside what was written already. */
int durable_overwrite(struct durable_file *file, uint64_t offset, const void *data, size_t bytes,
                      struct error *err);

/* durable_size: bytes written so far. */
uint64_t durable_size(const struct durable_file *file);

/* durable_flush: hand what is buffered to the kernel; needed only before reading the file back. */
int durable_flush(struct durable_file *file, struct error *err);

/* durable_commit: make it durable under its final name. Frees file on success and on failure; on
 * failure PATH.tmp is removed and what PATH held before is untouched. */
int durable_commit(struct durable_file *file, struct error *err);

/* durable_commit_two: durable_commit for two files of one directory, the directory synced once and
 * the disk busy with both at a time: a third of the wait. Frees both on success and on failure; on
 * failure the first may have its name already. */
int durable_commit_two(struct durable_file *first, struct durable_file *second, struct error *err);

/* durable_commit in steps, for whom the moment of the rename matters. durable_sync: what was
 * written is durable, under PATH.tmp still. durable_rename: then give it its name; frees file on
 * success and on failure. The caller syncs the directory. */
int durable_sync(struct durable_file *file, struct error *err);
int durable_rename(struct durable_file *file, struct error *err);

/* durable_abort: close and remove PATH.tmp. NULL is allowed. */
void durable_abort(struct durable_file *file);

/* durable_write_file: create, write and commit in one call. */
int durable_write_file(const char *path, const void *data, size_t bytes, struct error *err);

/* durable_sync_directory: fsync a directory, so that names made or removed in it stay so. */
int durable_sync_directory(const char *path, struct error *err);

/* durable_make_directory: make path, and its parents where missing, mode 0750. */
int durable_make_directory(const char *path, struct error *err);

/* durable_remove_directory: remove a directory and the files in it (no directories inside); fine
 * when it does not exist. The caller syncs the parent where that matters. */
int durable_remove_directory(const char *path, struct error *err);

/* read_whole_file: all of path as NUL-terminated bytes that the caller frees; more than limit
 * bytes is ERROR_VALUE. */
int read_whole_file(const char *path, size_t limit, char **data, size_t *bytes, struct error *err);

#endif
