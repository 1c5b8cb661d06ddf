#include "geocoder/gazetteer.h"

#include <math.h>
#include <stdlib.h>

#include "geocoder/neighbourhood.h"

/* Queries searched at once. */
#define CHUNK 256

/* Places a session remembers decoded; neighbours in Morton order mostly share their place. */
#define REMEMBERED 1024

/* Neighbourhoods a session keeps: a walk in Morton order comes back to where it was before. */
#define NEIGHBOURHOODS 8

/* Building a neighbourhood is paid for by the questions that neighbourhoods answer; questions that
 * had to be searched for earn little, so that scattered ones cost hardly more than their search. */
#define BUILDING_COST 128
#define FIRST_CREDIT (4 * BUILDING_COST)
#define MOST_CREDIT (64 * BUILDING_COST)
#define CREDIT_ANSWERED 16
#define CREDIT_SEARCHED 1

/* A chord nearer than this to that of max_distance is for the quadtree to judge. */
#define DOUBT 1e-9

#define NO_ROW SIZE_MAX

/* Of gazetteer/embed.S. */
extern const unsigned char gazetteer_index[], gazetteer_data[];
extern const uint64_t gazetteer_index_bytes, gazetteer_data_bytes;

struct gazetteer {
    struct pair *pair;
    const struct quadtree *tree;
    struct vector *vectors; /* of every row */
    double radius;          /* metres; INFINITY = any */
    double chord;           /* of radius; INFINITY = any */
};

struct remembered {
    size_t row; /* NO_ROW = nothing yet */
    struct address address;
};

struct gazetteer_session {
    const struct gazetteer *gazetteer;
    struct neighbourhood around[NEIGHBOURHOODS];
    unsigned current; /* the one that answered last */
    unsigned oldest;  /* the next to be replaced */
    unsigned credit;
    struct remembered places[REMEMBERED];
    /* Of the chunk being answered: */
    size_t rows[CHUNK];      /* NO_ROW = none near enough */
    double distances[CHUNK]; /* metres, of those that there are */
    size_t pending_count;
    size_t pending[CHUNK]; /* positions left to the quadtree */
    struct point queries[CHUNK];
    struct nearest found[CHUNK];
};

static void gazetteer_close(void *state)
{
    struct gazetteer *gazetteer = state;
    if (gazetteer == NULL)
        return;
    pair_close(gazetteer->pair);
    free(gazetteer->vectors);
    free(gazetteer);
}

int gazetteer_pair_open(struct pair **out, struct error *err)
{
    return pair_open_memory(out, gazetteer_index, gazetteer_index_bytes, gazetteer_data,
                            gazetteer_data_bytes, "the gazetteer", err);
}

static int gazetteer_open(const struct geocoder_settings *settings, void **state, struct error *err)
{
    struct gazetteer *gazetteer = calloc(1, sizeof *gazetteer);
    if (gazetteer == NULL)
        return error_memory(err, "the gazetteer");
    gazetteer->radius = settings->max_distance > 0 ? settings->max_distance : INFINITY;
    gazetteer->chord = settings->max_distance > 0 ? chord_of(settings->max_distance) : INFINITY;
    if (gazetteer_pair_open(&gazetteer->pair, err) != 0 ||
        pair_quadtree(gazetteer->pair, &gazetteer->tree, err) != 0)
        goto fail;
    gazetteer->vectors = malloc(gazetteer->tree->count * sizeof *gazetteer->vectors);
    if (gazetteer->vectors == NULL) {
        error_memory(err, "the gazetteer");
        goto fail;
    }
    neighbourhood_vectors(gazetteer->tree, gazetteer->vectors);
    *state = gazetteer;
    return 0;
fail:
    gazetteer_close(gazetteer);
    return -1;
}

static int gazetteer_session_open(void *state, void **session, struct error *err)
{
    struct gazetteer_session *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return error_memory(err, "a session with the gazetteer");
    opened->gazetteer = state;
    opened->credit = FIRST_CREDIT;
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
static const struct address *recall(struct gazetteer_session *session, size_t row,
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

static int fill_answer(struct gazetteer_session *session, size_t i, struct answer *answer,
                       struct error *err)
{
    size_t row = session->rows[i];
    answer->cause = CAUSE_NONE;
    answer->transient = false;
    answer->status = 0;
    answer->detail = (struct slice){NULL, 0};
    if (row == NO_ROW) {
        answer->kind = ANSWER_EMPTY;
        answer->address = (struct address){0};
        return 0;
    }
    const struct address *address = recall(session, row, err);
    if (address == NULL)
        return -1;
    answer->kind = ANSWER_FOUND;
    answer->address = *address;
    answer->distance_m = session->distances[i];
    return 0;
}

/* ask_neighbourhoods: the row for query and its distance from what is remembered, when that is
 * certain. */
static bool ask_neighbourhoods(struct gazetteer_session *session, struct point query, size_t *row,
                               double *distance)
{
    struct vector vector = vector_of(query);
    double limit = session->gazetteer->chord;
    double chord;
    size_t nearest;
    if (!neighbourhood_nearest(&session->around[session->current], vector, &nearest, &chord)) {
        unsigned other = neighbourhood_roomiest(session->around, NEIGHBOURHOODS, vector);
        if (other == session->current ||
            !neighbourhood_nearest(&session->around[other], vector, &nearest, &chord))
            return false;
        session->current = other;
    }
    if (fabs(chord - limit) <= DOUBT)
        return false;
    if (session->credit < MOST_CREDIT)
        session->credit += CREDIT_ANSWERED;
    *row = chord < limit ? nearest : NO_ROW;
    *distance = metres_of(chord);
    return true;
}

/* add_neighbourhood: search for query, and remember what lies around it. */
static size_t add_neighbourhood(struct gazetteer_session *session, struct point query,
                                double *distance)
{
    const struct gazetteer *gazetteer = session->gazetteer;
    struct nearest found;
    double reach = session->around[session->current].reach;
    session->credit -= BUILDING_COST;
    if (!quadtree_nearest(gazetteer->tree, query, INFINITY, &found))
        return NO_ROW;
    session->current = session->oldest;
    session->oldest = (session->oldest + 1) % NEIGHBOURHOODS;
    struct neighbourhood *around = &session->around[session->current];
    around->reach = reach;
    (void)neighbourhood_build(around, gazetteer->tree, gazetteer->vectors, query, found.distance);
    *distance = found.distance;
    return found.distance <= gazetteer->radius ? found.row : NO_ROW;
}

/* find_rows: session->rows and distances for count points, at most CHUNK. */
static void find_rows(struct gazetteer_session *session, const struct point *points, size_t count)
{
    const struct gazetteer *gazetteer = session->gazetteer;
    session->pending_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (ask_neighbourhoods(session, points[i], &session->rows[i], &session->distances[i]))
            continue;
        if (session->credit >= BUILDING_COST) {
            session->rows[i] = add_neighbourhood(session, points[i], &session->distances[i]);
            continue;
        }
        session->credit += CREDIT_SEARCHED;
        session->queries[session->pending_count] = points[i];
        session->pending[session->pending_count++] = i;
    }
    quadtree_nearest_batch(gazetteer->tree, session->queries, session->pending_count,
                           gazetteer->radius, session->found);
    for (size_t i = 0; i < session->pending_count; i++) {
        session->rows[session->pending[i]] = session->found[i].row;
        session->distances[session->pending[i]] = session->found[i].distance;
    }
}

static int gazetteer_answer(void *context, const struct point *points, size_t count,
                            struct answer *answers, struct error *err)
{
    struct gazetteer_session *session = context;
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t chunk = count - first < CHUNK ? count - first : CHUNK;
        find_rows(session, points + first, chunk);
        for (size_t i = 0; i < chunk; i++) {
            if (fill_answer(session, i, &answers[first + i], err) != 0)
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
