/* Reading values that people write: numbers, durations, sizes, percentages, distances, dates; and
 * checks on text. Every parser takes the whole NUL-terminated word (spaces around it are wrong),
 * returns true and writes *out, or returns false and leaves it. Thread safe. */
#ifndef REFRESHD_BASE_TEXT_H
#define REFRESHD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* text_parse_unsigned: decimal digits only, at most limit. */
bool text_parse_unsigned(const char *text, uint64_t limit, uint64_t *out);

/* text_parse_double: a finite decimal number such as -12.5 or 1e3; no hex, nan, inf, comma. */
bool text_parse_double(const char *text, double *out);

/* text_parse_duration: seconds from `250ms 90s 15m 6h 30d`; `0` needs no unit. */
bool text_parse_duration(const char *text, double *seconds);

/* text_parse_size: bytes from `64K 10M 2G` (powers of 1024) or plain bytes. */
bool text_parse_size(const char *text, uint64_t *bytes);

/* text_parse_percent: a share from 0 to 1 from `0.5%` (0 to 100 with a percent sign). */
bool text_parse_percent(const char *text, double *share);

/* text_parse_distance: metres from `50m 1.5km`, or a plain number of metres. */
bool text_parse_distance(const char *text, double *metres);

/* text_parse_time: unix seconds (0 to 2^32-1) from unix seconds or ISO 8601 (`2026-11-21`,
 * `2026-11-21T02:00:00Z`, `...+01:00`, a space for the T, fractions cut; no zone means UTC). */
bool text_parse_time(const char *text, uint32_t *unix_seconds);

/* text_parse_degrees: an exact decimal coordinate in 1e-7 degree, rounded half away from zero;
 * magnitude at most limit_degrees (90 or 180). Reads digits, so 52.1 is 521000000 exactly. */
bool text_parse_degrees(const char *text, unsigned limit_degrees, int32_t *out);

/* text_format_degrees: the shortest exact decimal of a coordinate ("-0.1234567", "52.1", "8"),
 * NUL-terminated; returns its length. */
size_t text_format_degrees(int32_t value, char out[16]);

/* text_format_duration: "3d 4h", "5h 12m", "2m 05s", "42s", "0.4s". Returns out. */
char *text_format_duration(double seconds, char out[32]);

/* text_is_utf8: valid UTF-8 (RFC 3629: no surrogates, no overlong forms), any length. */
bool text_is_utf8(const char *text, size_t bytes);

/* text_nearer: whether a mistyped word may have meant candidate, and is nearer to it than *least
 * edits, which becomes theirs. The search begins with TEXT_FAR. */
#define TEXT_FAR 32U
bool text_nearer(const char *word, const char *candidate, unsigned *least);

#endif
