/* libgeocache: look up addresses in a reverse-geocode cache of refreshd.
 *
 * A cache directory holds millions of entries `point -> address`. refreshd keeps it fresh by
 * publishing one whole generation after the other; this library reads it from other programs, with
 * many threads, and moves on to each new generation by itself. Everything is read where it lies, in
 * mapped files: opening is quick, memory is shared between processes, a lookup takes about a
 * microsecond and makes no system call.
 *
 *     struct geocache *cache;
 *     struct geocache_reader *reader;
 *     struct geocache_error error;
 *     const struct geocache_result *result;
 *
 *     if (geocache_open(&cache, "/var/lib/refreshd/cache", 0, &error) != 0 ||
 *         geocache_reader_open(&reader, cache, &error) != 0)
 *         errx(1, "%s", error.message);
 *     if (geocache_lookup(reader, 51.3811, -2.3590, 100.0, &result, &error) == GEOCACHE_HIT)
 *         puts(geocache_text(result, GEOCACHE_LABEL));
 *     geocache_reader_close(reader);
 *     geocache_close(cache);
 *
 * Threads: a struct geocache belongs to all threads. A struct geocache_reader, and all that it
 * gave, belongs to one thread at a time: open one for each. Readers take no lock, never wait for
 * one another or for a switch, and write nothing that two of them share. The library has no global
 * state, prints nothing, installs no signal handler and keeps no signal from the program.
 *
 * Memory: what a function gives lies in memory of the reader (or of the cache, where it says so),
 * never in the mapped files, so that no generation is kept alive between two calls. It is valid
 * until the call that its function names. Nothing is to be freed.
 *
 * Errors: every function that can fail takes a struct geocache_error last, which may be NULL, and
 * fills it exactly when it fails. An out-parameter is written on success only.
 *
 * Compatibility: the shared library's number changes when a program built against an older header
 * would break. Until then functions, and members at the end of structs that the library allocates,
 * may be added; structs that the caller allocates (geocache_error, geocache_point) stay as they
 * are. Ignore values of `code` and `outcome` that you do not know. Unknown flags are refused.
 *
 * fork: a child has no thread that follows. Let it open the cache itself, and leave what it
 * inherited alone; not even closing that is safe in it.
 *
 * Files: refreshd never changes a published file. A program that truncates one under a reader
 * gets both of them SIGBUS, as with every mapped file. */
#ifndef GEOCACHE_H
#define GEOCACHE_H

#include <stddef.h>
#include <stdint.h>

/* Of this header; geocache_version() tells that of the library in use. */
#define GEOCACHE_VERSION_MAJOR 1
#define GEOCACHE_VERSION_MINOR 0
#define GEOCACHE_VERSION_PATCH 0

#if defined(__GNUC__)
#define GEOCACHE_API __attribute__((visibility("default")))
#else
#define GEOCACHE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct geocache;        /* an open cache directory */
struct geocache_reader; /* what one thread looks up with */

/* Why a call failed. More may be added. */
enum geocache_code {
    GEOCACHE_ERROR_MISSING = 1, /* nothing was published in this directory, or there is none */
    GEOCACHE_ERROR_CORRUPT = 2, /* a file of the cache is damaged; the message names it */
    GEOCACHE_ERROR_IO = 3,      /* a system call failed */
    GEOCACHE_ERROR_MEMORY = 4,  /* an allocation failed, or a thread could not be started */
    GEOCACHE_ERROR_VALUE = 5    /* an argument is wrong: a coordinate, the radius, a flag */
};

struct geocache_error {
    int code;           /* enum geocache_code */
    int os_errno;       /* errno behind it, or 0 */
    char message[1016]; /* one line for a person, which names the file or the value */
};

/* What a lookup found. */
enum geocache_status {
    GEOCACHE_FAILED = -1,   /* the error says why */
    GEOCACHE_MISS = 0,      /* nothing in reach, or only a point that no geocoder has answered for
                               certain */
    GEOCACHE_HIT = 1,       /* an address */
    GEOCACHE_NO_ADDRESS = 2 /* the nearest entry in reach is known to have no address */
};

/* What the geocoder said of an entry when it was last asked. */
enum geocache_outcome {
    GEOCACHE_OUTCOME_FOUND = 0, /* this address */
    GEOCACHE_OUTCOME_NONE = 1,  /* that there is none here, twice */
    GEOCACHE_OUTCOME_UNSURE = 2 /* that there is none here, once; the address is the one before */
};

/* The fields of an address, with the names and the meaning of geocodejson. More may be added. */
enum geocache_field {
    GEOCACHE_LABEL = 0, /* the whole address as one line */
    GEOCACHE_NAME = 1,
    GEOCACHE_HOUSENUMBER = 2,
    GEOCACHE_STREET = 3,
    GEOCACHE_DISTRICT = 4,
    GEOCACHE_CITY = 5,
    GEOCACHE_COUNTY = 6,
    GEOCACHE_STATE = 7,
    GEOCACHE_POSTCODE = 8,
    GEOCACHE_COUNTRY = 9,
    GEOCACHE_COUNTRYCODE = 10 /* ISO 3166-1 alpha-2, lower case */
};

/* UTF-8. data[length] is NUL, and there is no other: a missing field is "" and never NULL. */
struct geocache_text {
    const char *data;
    size_t length;
};

/* One answer. Of GEOCACHE_MISS and GEOCACHE_FAILED only status and generation mean something; of
 * GEOCACHE_NO_ADDRESS all fields are missing. */
struct geocache_result {
    int status;             /* enum geocache_status */
    int outcome;            /* enum geocache_outcome */
    uint64_t generation;    /* looked up in; 0 = nothing is published */
    double lat, lon;        /* of the entry, degrees */
    int32_t lat_e7, lon_e7; /* the same, exactly, in 1e-7 degree */
    double distance;        /* metres to it: great circle, sphere of 6371008.8 m */
    int64_t refreshed_at;   /* unix seconds when the geocoder was asked; 0 = not known */
    size_t field_count;     /* of fields; grows when fields are added */
    const struct geocache_text *fields; /* by enum geocache_field; see geocache_text() */
};

/* A point in 1e-7 degree: latitude -900000000..900000000, longitude -1800000000..1800000000. */
struct geocache_point {
    int32_t lat;
    int32_t lon;
};

/* The generation that a reader looks up in. */
struct geocache_info {
    uint64_t generation;              /* 0: nothing is published, and the rest is 0 and "" */
    int64_t published;                /* unix seconds */
    const char *run;                  /* of the run or import that made it */
    const char *digest;               /* 32 hexadecimal digits: equal content, equal digest */
    uint64_t entries;                 /* found + none + unsure */
    uint64_t found, none, unsure;     /* entries by outcome */
    int64_t oldest, newest;           /* least and greatest refreshed_at; 0 when empty */
    uint64_t tiles, tiles_nonempty;   /* cells of the grid over the world, each a pair of files */
    uint64_t index_bytes, data_bytes; /* of these files */
};

/* --- a cache -------------------------------------------------------------------------------- */

/* Flags of geocache_open.
 * GEOCACHE_NO_FOLLOW: no thread; only geocache_refresh goes on to what is new.
 * GEOCACHE_MAY_BE_MISSING: nothing published yet is no error; all lookups miss until something is.
 */
#define GEOCACHE_NO_FOLLOW 1u
#define GEOCACHE_MAY_BE_MISSING 2u

/* geocache_open: open the generation that is published in directory (a relative path means the
 * working directory of now). Without GEOCACHE_NO_FOLLOW a thread of the library looks ten times a
 * second whether there is a newer one (one stat(2)), opens it, and closes the old one when no
 * lookup uses it any more; it blocks all signals. A generation that can't be opened is not used:
 * lookups go on in the one before (geocache_failure). 0, or -1: GEOCACHE_ERROR_MISSING, _CORRUPT,
 * _IO, _MEMORY, or _VALUE for a flag that this library does not know. */
GEOCACHE_API int geocache_open(struct geocache **out, const char *directory, unsigned flags,
                               struct geocache_error *error);

/* geocache_close: its readers must be closed before. Waits for the library's thread, which is
 * quick. NULL is allowed. */
GEOCACHE_API void geocache_close(struct geocache *cache);

/* geocache_refresh: go on to what is published now, without waiting for the library's thread. From
 * any thread, a reader's too. 1 = to another generation, 0 = there is nothing new, -1 = the new
 * one can't be opened and the old one stays. Also closes old generations that no lookup uses any
 * more: with GEOCACHE_NO_FOLLOW nothing else does. */
GEOCACHE_API int geocache_refresh(struct geocache *cache, struct geocache_error *error);

/* geocache_failure: is there a published generation that could not be opened, so that lookups go on
 * in an older one? 1 and why in *error, else 0. Any thread. */
GEOCACHE_API int geocache_failure(struct geocache *cache, struct geocache_error *error);

/* --- readers -------------------------------------------------------------------------------- */

/* geocache_reader_open: any thread. 0, or -1 (GEOCACHE_ERROR_MEMORY). It needs a few kilobytes, and
 * keeps the memory of its largest batch until it is closed. */
GEOCACHE_API int geocache_reader_open(struct geocache_reader **out, struct geocache *cache,
                                      struct geocache_error *error);

/* geocache_reader_close: any thread. NULL is allowed. */
GEOCACHE_API void geocache_reader_close(struct geocache_reader *reader);

/* --- lookups -------------------------------------------------------------------------------- */

/* geocache_lookup: the entry nearest to a point, within radius metres (>= 0; INFINITY for any
 * distance), across tiles, the antimeridian and the poles. lat is in degrees from -90 to 90, lon
 * from -180 to 180, both rounded to 1e-7 degree; -180 and 180 are the same.
 *
 * Returns the status, which the result has too. *out is given for every status but GEOCACHE_FAILED
 * and is valid until the next lookup, single or batch, of this reader, or its close.
 * GEOCACHE_FAILED: GEOCACHE_ERROR_VALUE (out of range or not a number), _CORRUPT or _MEMORY; the
 * reader stays usable. */
GEOCACHE_API int geocache_lookup(struct geocache_reader *reader, double lat, double lon,
                                 double radius, const struct geocache_result **out,
                                 struct geocache_error *error);

/* geocache_lookup_e7: the same for a point in 1e-7 degree. */
GEOCACHE_API int geocache_lookup_e7(struct geocache_reader *reader, int32_t lat, int32_t lon,
                                    double radius, const struct geocache_result **out,
                                    struct geocache_error *error);

/* geocache_lookup_batch: the same for count points at once, all in one generation and faster,
 * because their searches go on side by side. The order of the points does not matter.
 *
 * 0: all answered. 1: some met a damaged file, have the status GEOCACHE_FAILED, and error is that
 * of the first of them. -1: none was answered: GEOCACHE_ERROR_VALUE (a bad point fails the batch,
 * and the message has its number, from 0 on) or _MEMORY. */
GEOCACHE_API int geocache_lookup_batch(struct geocache_reader *reader,
                                       const struct geocache_point *points, size_t count,
                                       double radius, struct geocache_error *error);

/* geocache_batch_result: the answer to points[i] of the last lookup, if that was a batch and did
 * not return -1; NULL for an i that it did not have. Valid until the next lookup, single or batch,
 * of this reader, or its close. */
GEOCACHE_API const struct geocache_result *
geocache_batch_result(const struct geocache_reader *reader, size_t i);

/* geocache_point_from_degrees: as geocache_lookup reads them. 0, or -1 (GEOCACHE_ERROR_VALUE). */
GEOCACHE_API int geocache_point_from_degrees(struct geocache_point *out, double lat, double lon,
                                             struct geocache_error *error);

/* geocache_text: a field of a result as a C string, "" when it is missing or when this library does
 * not know the field. Valid as long as the result. */
GEOCACHE_API const char *geocache_text(const struct geocache_result *result, int field);

/* geocache_field_name: "label", "name", "housenumber", ... as in geocodejson; NULL for a field that
 * this library does not know. Valid for ever. */
GEOCACHE_API const char *geocache_field_name(int field);

/* --- about ---------------------------------------------------------------------------------- */

/* geocache_info: figures of the generation that this reader's next lookup would use. Valid until
 * the reader's next geocache_info or its close. Never NULL. */
GEOCACHE_API const struct geocache_info *geocache_info(struct geocache_reader *reader);

/* geocache_version: of the library in use, "1.0.0". Valid for ever. */
GEOCACHE_API const char *geocache_version(void);

#ifdef __cplusplus
}
#endif

#endif
