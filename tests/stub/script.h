/* The script: which requests are answered how wrongly. One line each:
 *
 *   KIND [NAME=VALUE ...] [text=REST OF THE LINE]     a rule; the first that fits a request is used
 *   set NAME VALUE                                    version, empty or delay_ms of the whole stub
 *   # ...                                             nothing
 *
 * Which requests: one_in=K (1 in K by chance), from=N to=N (by number, counted from 1 since the
 * script was set), seconds=S (only for so long after it was set), points=K (requests with one of
 * the 1 in K points that its hash chooses), once=1 (each point only once), limit=N (so often in
 * all). No such word: every request. DESIGN.md has the kinds and their values. */
#ifndef REFRESHD_TESTS_STUB_SCRIPT_H
#define REFRESHD_TESTS_STUB_SCRIPT_H

#include <stdint.h>

#include "tests/stub/faults.h"
#include "tests/stub/shapes.h"

struct rule {
    const struct fault *fault;
    struct fault_values values;
    unsigned one_in, points, salt;
    uint64_t from, to, limit;
    double seconds;
    bool once;
    uint64_t given;
};

struct script {
    struct rule *rules;
    size_t count;
    unsigned version, empty, delay_ms;
    uint64_t requests; /* since it was set */
    double set_at;     /* clock_monotonic */
    uint64_t *seen;    /* hashes of points and rules, for `once`; 0 = free */
    size_t seen_count, seen_room;
    char *text; /* the rules' texts point into it */
};

/* script_set: replace the script by what text says. On failure it stays as it was, and *why and
 * the word at fault are told in message. */
bool script_set(struct script *script, const char *text, size_t size, char message[200]);
void script_free(struct script *script);

/* script_choose: the rule for the next request, or NULL. */
const struct rule *script_choose(struct script *script, const struct rows *rows);

#endif
