/* The circuit: whether the geocoder can be reached, for all workers together.
 *
 * It opens when a connection can't be made and no reply has come for a second, or when REFUSALS in
 * a row fail without a reply between: one stray refusal among replies stops nobody. While it is
 * open nobody asks but one probe a second, one request, over all workers. It closes at the first
 * reply of any status. The workers say what came of every request; its mutex guards everything,
 * any thread may call. Times are clock_monotonic seconds. */
#ifndef REFRESHD_STAGES_CIRCUIT_H
#define REFRESHD_STAGES_CIRCUIT_H

#include <stdbool.h>

#define CIRCUIT_REFUSALS 3
#define CIRCUIT_PROBE_INTERVAL 1.0 /* seconds from probe to probe, at least */
#define CIRCUIT_PATIENCE                                                                           \
    4.0 /* seconds in which a new connection is made or fails: circuit_verdict */

struct circuit;

struct circuit *circuit_create(void); /* closed; NULL when out of memory */
void circuit_free(struct circuit *circuit);

enum circuit_leave {
    CIRCUIT_ASK,   /* closed */
    CIRCUIT_PROBE, /* one request; say what came of it with probe = true, or circuit_drop it */
    CIRCUIT_WAIT,  /* not now */
};

/* circuit_ask: may a request be asked now? With CIRCUIT_WAIT *wait is the seconds to wait. */
enum circuit_leave circuit_ask(struct circuit *circuit, double now, double *wait);

/* circuit_drop: the probe was not asked after all, or is forgotten. */
void circuit_drop(struct circuit *circuit);

/* What came of a request asked at asked_at. circuit_reply and circuit_refused return true when they
 * closed or opened the circuit. why: one line for a person. */
bool circuit_reply(struct circuit *circuit, double now, double asked_at, bool probe);
bool circuit_refused(struct circuit *circuit, double now, bool probe, const char *why);

/* circuit_broken: there was a connection, but no reply (reset, time-out). */
void circuit_broken(struct circuit *circuit, bool probe);

/* circuit_verdict: a question whose last try broke at broke_at: was it its own fault or did the
 * geocoder go down? CIRCUIT_DOWN: the circuit is open or was opened since then. CIRCUIT_ALIVE: a
 * question asked later was replied to, or CIRCUIT_PATIENCE has passed. CIRCUIT_UNKNOWN: wait. */
enum circuit_verdict { CIRCUIT_UNKNOWN, CIRCUIT_ALIVE, CIRCUIT_DOWN };
enum circuit_verdict circuit_verdict(struct circuit *circuit, double now, double broke_at);

struct circuit_view {
    bool open;
    double since;  /* when the first connection failed that no reply has followed */
    char why[160]; /* of the last failure */
};
struct circuit_view circuit_look(struct circuit *circuit);

#endif
