#include "geocoder/gazetteer.h"

#include <math.h>
#include <stdlib.h>

/* Queries searched at once. */
#define CHUNK 256

/* Places a session remembers decoded; neighbours in Morton order mostly share their place. */
#define REMEMBERED 1024

#define NO_ROW UINT64_MAX

extern const unsigned char gazetteer_index[], gazetteer_index_end[];
extern const unsigned char gazetteer_data[], gazetteer_data_end[];

struct gazetteer {
    struct pair *pair;
    const struct quadtree *tree;
    double radius; /* metres; INFINITY = any */
};

struct remembered {
    uint64_t row; /* NO_ROW = nothing yet */
    struct address address;
};

struct gazetteer_session {
    const struct gazetteer *gazetteer;
    struct nearest found[CHUNK];
    struct remembered places[REMEMBERED];
};

static void gazetteer_close(void *state)
{
    struct gazetteer *gazetteer = state;
    if (gazetteer == NULL)
        return;
    pair_close(gazetteer->pair);
    free(gazetteer);
}

int gazetteer_pair_open(struct pair **out, struct error *err)
{
    return pair_open_memory(out, gazetteer_index, (size_t)(gazetteer_index_end - gazetteer_index),
                            gazetteer_data, (size_t)(gazetteer_data_end - gazetteer_data),
                            "the gazetteer", err);
}

static int gazetteer_open(const struct geocoder_settings *settings, void **state, struct error *err)
{
    struct gazetteer *gazetteer = calloc(1, sizeof *gazetteer);
    if (gazetteer == NULL)
        return error_memory(err, "the gazetteer");
    gazetteer->radius = settings->max_distance > 0 ? settings->max_distance : INFINITY;
    if (gazetteer_pair_open(&gazetteer->pair, err) != 0 ||
        pair_quadtree(gazetteer->pair, &gazetteer->tree, err) != 0) {
        gazetteer_close(gazetteer);
        return -1;
    }
    *state = gazetteer;
    return 0;
}

static int gazetteer_session_open(void *state, void **session, struct error *err)
{
    struct gazetteer_session *opened = malloc(sizeof *opened);
    if (opened == NULL)
        return error_memory(err, "a session with the gazetteer");
    opened->gazetteer = state;
    for (size_t i = 0; i < REMEMBERED; i++)
        opened->places[i].row = NO_ROW;
    *session = opened;
    return 0;
}

static void gazetteer_session_close(void *session)
{
    free(session);
}

/* recall: the address in row, decoded now or remembered. NULL on error. */
static const struct address *recall(struct gazetteer_session *session, uint64_t row,
                                    struct error *err)
{
    struct remembered *place = &session->places[row % REMEMBERED];
    struct entry entry;
    if (place->row == row)
        return &place->address;
    if (pair_entry(session->gazetteer->pair, row, &entry, err) != 0)
        return NULL;
    place->row = row;
    place->address = entry.address;
    return &place->address;
}

static int answer_one(struct gazetteer_session *session, const struct nearest *found,
                      struct answer *answer, struct error *err)
{
    answer->cause = CAUSE_NONE;
    answer->transient = false;
    answer->status = 0;
    answer->detail = (struct slice){NULL, 0};
    if (found->row == SIZE_MAX) {
        answer->kind = ANSWER_EMPTY;
        answer->address = (struct address){0};
        return 0;
    }
    const struct address *address = recall(session, found->row, err);
    if (address == NULL)
        return -1;
    answer->kind = ANSWER_FOUND;
    answer->address = *address;
    return 0;
}

static int gazetteer_answer(void *context, const struct point *points, size_t count,
                            struct answer *answers, struct error *err)
{
    struct gazetteer_session *session = context;
    const struct gazetteer *gazetteer = session->gazetteer;
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t chunk = count - first < CHUNK ? count - first : CHUNK;
        quadtree_nearest_batch(gazetteer->tree, points + first, chunk, gazetteer->radius,
                               session->found);
        for (size_t i = 0; i < chunk; i++) {
            if (answer_one(session, &session->found[i], &answers[first + i], err) != 0)
                return -1;
        }
    }
    return 0;
}

const struct geocoder_provider gazetteer_provider = {
    .name = "gazetteer",
    .help = "the nearest populated place of GeoNames, embedded: no network, no key",
    .largest_batch = 65536,
    .open = gazetteer_open,
    .close = gazetteer_close,
    .session_open = gazetteer_session_open,
    .session_close = gazetteer_session_close,
    .answer = gazetteer_answer,
    .latency = NULL,
};
