/* One error type for the whole project.
 *
 *   struct error err;
 *   if (pair_open(&pair, idx, dat, &err) != 0)
 *       log_error("%s", err.message);
 *
 * A function that can fail takes a caller-owned `struct error *` last, returns 0 on success and
 * -1 on failure, and fills the error exactly when it fails. An out-parameter is written only on
 * success. The message is one line for a person: it names the file, line, key or value that is
 * wrong and, where there is one, the way out. It ends without a full stop or a newline.
 * `err` may be NULL where the caller does not care. Thread safe: no shared state. */
#ifndef REFRESHD_BASE_ERROR_H
#define REFRESHD_BASE_ERROR_H

enum error_code {
    ERROR_NONE = 0,
    ERROR_USAGE,       /* words of a command that make no sense */
    ERROR_CONFIG,      /* the configuration is wrong */
    ERROR_VALUE,       /* a value in the input is wrong (a row, a coordinate, a date) */
    ERROR_IO,          /* a system call on a file failed */
    ERROR_DISK_FULL,   /* ENOSPC or EDQUOT; the message is "disk full: PATH" */
    ERROR_CORRUPT,     /* bytes read back are not what was written */
    ERROR_MISSING,     /* what was asked for does not exist */
    ERROR_BUSY,        /* somebody else holds it; the message says who */
    ERROR_STATE,       /* not possible in the present state */
    ERROR_MEMORY,      /* an allocation failed */
    ERROR_CANCELED,    /* stopped on request; nothing is wrong */
    ERROR_UNREACHABLE, /* nobody answers */
};

struct error {
    enum error_code code;
    int os_errno; /* errno behind it, or 0 */
    char message[600];
};

/* error_set: fill err (when not NULL) and return -1, so that `return error_set(...)` reads well. */
int error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* error_io: a system call on path failed with os_errno; action is a verb phrase ("write",
 * "rename"). ENOSPC and EDQUOT become ERROR_DISK_FULL "disk full: PATH", ENOENT becomes
 * ERROR_MISSING, others ERROR_IO "cannot ACTION PATH: REASON". Returns -1. */
int error_io(struct error *err, int os_errno, const char *action, const char *path);

/* error_memory: an allocation for `what` failed. Returns -1. */
int error_memory(struct error *err, const char *what);

/* error_prefix: put "PREFIX: " before the message, keeping the code. Returns -1. */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* error_suffix: put more behind the message, as far as there is room, keeping code and os_errno.
 * Returns -1. */
int error_suffix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* error_name: the code's stable name for JSON ("disk_full", "corrupt", ...). */
const char *error_name(enum error_code code);

#endif
