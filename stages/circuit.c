#include "stages/circuit.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define REPLY_RECENT 1.0 /* seconds */
#define PROBE_WAIT 0.1   /* until a look whether the probe has ended */

struct circuit {
    pthread_mutex_t mutex; /* guards everything */
    bool open;
    bool probing;
    unsigned refusals; /* since the last reply */
    double refused_at; /* the first of them */
    double opened_at;  /* last */
    double probed_at;
    double replied_at;
    double alive_at; /* the latest moment of asking of all that was replied to */
    char why[160];
};

struct circuit *circuit_create(void)
{
    struct circuit *circuit = calloc(1, sizeof *circuit);
    if (circuit == NULL || pthread_mutex_init(&circuit->mutex, NULL) != 0) {
        free(circuit);
        return NULL;
    }
    circuit->opened_at = circuit->probed_at = -INFINITY;
    circuit->replied_at = circuit->alive_at = -INFINITY;
    return circuit;
}

void circuit_free(struct circuit *circuit)
{
    if (circuit == NULL)
        return;
    (void)pthread_mutex_destroy(&circuit->mutex);
    free(circuit);
}

enum circuit_leave circuit_ask(struct circuit *circuit, double now, double *wait)
{
    enum circuit_leave leave = CIRCUIT_ASK;
    (void)pthread_mutex_lock(&circuit->mutex);
    if (circuit->open) {
        double next = circuit->probed_at + CIRCUIT_PROBE_INTERVAL;
        leave = circuit->probing || now < next ? CIRCUIT_WAIT : CIRCUIT_PROBE;
        if (leave == CIRCUIT_PROBE) {
            circuit->probing = true;
            circuit->probed_at = now;
        } else {
            *wait = fmax(next - now, PROBE_WAIT);
        }
    }
    (void)pthread_mutex_unlock(&circuit->mutex);
    return leave;
}

void circuit_drop(struct circuit *circuit)
{
    circuit_broken(circuit, true);
}

bool circuit_reply(struct circuit *circuit, double now, double asked_at, bool probe)
{
    (void)pthread_mutex_lock(&circuit->mutex);
    bool closed = circuit->open;
    circuit->open = false;
    circuit->refusals = 0;
    circuit->replied_at = now;
    circuit->alive_at = fmax(circuit->alive_at, asked_at);
    if (probe)
        circuit->probing = false;
    (void)pthread_mutex_unlock(&circuit->mutex);
    return closed;
}

bool circuit_refused(struct circuit *circuit, double now, bool probe, const char *why)
{
    (void)pthread_mutex_lock(&circuit->mutex);
    if (circuit->refusals++ == 0)
        circuit->refused_at = now;
    bool opened = !circuit->open && (circuit->refusals >= CIRCUIT_REFUSALS ||
                                     now - circuit->replied_at > REPLY_RECENT);
    if (opened) {
        circuit->open = true;
        circuit->opened_at = circuit->probed_at = now;
        circuit->probing = false;
    } else if (probe) {
        circuit->probing = false;
    }
    (void)snprintf(circuit->why, sizeof circuit->why, "%s", why);
    (void)pthread_mutex_unlock(&circuit->mutex);
    return opened;
}

void circuit_broken(struct circuit *circuit, bool probe)
{
    if (!probe)
        return;
    (void)pthread_mutex_lock(&circuit->mutex);
    circuit->probing = false;
    (void)pthread_mutex_unlock(&circuit->mutex);
}

enum circuit_verdict circuit_verdict(struct circuit *circuit, double now, double broke_at)
{
    enum circuit_verdict verdict = CIRCUIT_UNKNOWN;
    (void)pthread_mutex_lock(&circuit->mutex);
    if (circuit->open || circuit->opened_at >= broke_at)
        verdict = CIRCUIT_DOWN;
    else if (circuit->alive_at > broke_at || now - broke_at >= CIRCUIT_PATIENCE)
        verdict = CIRCUIT_ALIVE;
    (void)pthread_mutex_unlock(&circuit->mutex);
    return verdict;
}

struct circuit_view circuit_look(struct circuit *circuit)
{
    struct circuit_view view;
    (void)pthread_mutex_lock(&circuit->mutex);
    view.open = circuit->open;
    view.since = circuit->refused_at;
    (void)snprintf(view.why, sizeof view.why, "%s", circuit->why);
    (void)pthread_mutex_unlock(&circuit->mutex);
    return view;
}
