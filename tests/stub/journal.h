/* What was asked: one line per request in a file, appended by one write, and counters.
 *
 *   NANOSECONDS NUMBER CONNECTION FAULT LAT,LON;LAT,LON;... CLIENT
 *
 * in CLOCK_MONOTONIC, with coordinates in 1e-7 degree; FAULT is `-` for none, or why the request
 * was refused (bad_request, bad_key, bad_path); CLIENT is its name in clients.h. */
#ifndef REFRESHD_TESTS_STUB_JOURNAL_H
#define REFRESHD_TESTS_STUB_JOURNAL_H

#include "tests/stub/shapes.h"

struct journal {
    int fd; /* -1 = no file */
    struct buffer line;
    struct buffer last; /* the last request's bytes */
    unsigned long long requests, points, faults, connections, open_connections, secure, http2;
};

int journal_open(struct journal *journal, const char *path); /* NULL = no file; -1: errno */
void journal_add(struct journal *journal, unsigned long long connection, const char *client,
                 const char *fault, const struct rows *rows);
void journal_keep(struct journal *journal, const struct request *request);
void journal_stats(const struct journal *journal, struct buffer *out);
void journal_close(struct journal *journal);

#endif
