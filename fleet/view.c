#include "fleet/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/json_fields.h"

struct view_peer *view_peer(struct fleet_view *view, const char *name)
{
    for (size_t i = 0; i < view->peer_count; i++)
        if (strcmp(view->peers[i].name, name) == 0)
            return &view->peers[i];
    return NULL;
}

struct view_peer *view_add_peer(struct fleet_view *view, const char *name)
{
    struct view_peer *known = view_peer(view, name);
    if (known != NULL || view->peer_count == FLEET_PEERS_LIMIT || strlen(name) >= FLEET_NAME_BYTES)
        return known;
    size_t place = view->peer_count++;
    while (place > 0 && strcmp(view->peers[place - 1].name, name) > 0) {
        view->peers[place] = view->peers[place - 1];
        place--;
    }
    view->peers[place] = (struct view_peer){0};
    memcpy(view->peers[place].name, name, strlen(name) + 1);
    return &view->peers[place];
}

const char *view_key(char *out, const char *prefix, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(out, FLEET_KEY_BYTES, "%s", prefix);
    va_start(arguments, format);
    (void)vsnprintf(out + used, FLEET_KEY_BYTES - (size_t)used, format, arguments);
    va_end(arguments);
    return out;
}

const char *view_run_key(char *out, const char *prefix, const char *run, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(out, FLEET_KEY_BYTES, "%sr/%s/", prefix, run);
    va_start(arguments, format);
    (void)vsnprintf(out + used, FLEET_KEY_BYTES - (size_t)used, format, arguments);
    va_end(arguments);
    return out;
}

/* --- single keys ----------------------------------------------------------------------- */

/* 1 = *range has the key, 0 = it is absent, -1. */
static int get(struct etcd *etcd, const char *key, struct etcd_range *range, struct error *err)
{
    if (etcd_get(etcd, key, range, err) != 0)
        return -1;
    if (range->count > 0)
        return 1;
    etcd_range_free(range);
    return 0;
}

static int read_run(struct fleet_view *view, struct etcd *etcd, const char *prefix,
                    struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_range range;
    int found = get(etcd, view_key(key, prefix, "run"), &range, err);
    view->has_run = found > 0;
    if (found <= 0)
        return found;
    view->run_created = range.pairs[0].create_revision;
    int result = run_document_read(&view->run, key, range.pairs[0].value, err);
    etcd_range_free(&range);
    return result;
}

/* A wish for another run than the present one is none. */
static int read_wish(struct fleet_view *view, struct etcd *etcd, const char *prefix,
                     struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_range range;
    int found = get(etcd, view_key(key, prefix, "wish"), &range, err);
    view->has_wish = false;
    view->wish_modified = 0;
    if (found <= 0)
        return found;
    view->wish_modified = range.pairs[0].mod_revision;
    int result = wish_document_read(&view->wish, key, range.pairs[0].value, err);
    etcd_range_free(&range);
    view->has_wish = result == 0 && view->has_run && strcmp(view->wish.run, view->run.id) == 0;
    return result;
}

static int read_current(struct fleet_view *view, struct etcd *etcd, const char *prefix,
                        struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_range range;
    int found = get(etcd, view_key(key, prefix, "current"), &range, err);
    view->has_current = found > 0;
    view->current_modified = 0;
    if (found <= 0)
        return found;
    view->current_modified = range.pairs[0].mod_revision;
    int result = decision_document_read(&view->current, key, range.pairs[0].value, err);
    etcd_range_free(&range);
    return result;
}

static int read_ended(struct fleet_view *view, struct etcd *etcd, const char *prefix,
                      struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_range range;
    int found = get(etcd, view_key(key, prefix, "ended"), &range, err);
    view->has_ended = found > 0;
    view->ended_modified = 0;
    if (found <= 0)
        return found;
    view->ended_modified = range.pairs[0].mod_revision;
    int result = ended_document_read(&view->ended, key, range.pairs[0].value, err);
    etcd_range_free(&range);
    return result;
}

/* --- what each peer wrote for the run ------------------------------------------------------- */

typedef int read_of_peer(struct view_peer *peer, const struct etcd_pair *pair, struct error *err);

static int read_learned(struct view_peer *peer, const struct etcd_pair *pair, struct error *err)
{
    peer->has_learned = true;
    peer->learned_modified = pair->mod_revision;
    return learned_document_read(&peer->learned, pair->key, pair->value, err);
}

static int read_ready(struct view_peer *peer, const struct etcd_pair *pair, struct error *err)
{
    peer->has_ready = true;
    peer->ready_modified = pair->mod_revision;
    return digest_document_read(&peer->ready, pair->key, pair->value, err);
}

static int read_out(struct view_peer *peer, const struct etcd_pair *pair, struct error *err)
{
    (void)err;
    peer->out = true;
    peer->out_modified = pair->mod_revision;
    (void)snprintf(peer->reason, sizeof peer->reason, "%s", pair->value);
    return 0;
}

static int read_switched(struct view_peer *peer, const struct etcd_pair *pair, struct error *err)
{
    (void)err;
    peer->has_switched = true;
    peer->switched = strtod(pair->value, NULL);
    return 0;
}

static int read_each(struct fleet_view *view, struct etcd *etcd, const char *prefix,
                     const char *run, const char *what, read_of_peer *read, struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_range range;
    size_t skip = strlen(view_run_key(key, prefix, run, "%s/", what));
    int result = 0;
    if (etcd_get_prefix(etcd, key, 0, &range, err) != 0)
        return -1;
    for (size_t i = 0; i < range.count && result == 0; i++) {
        struct view_peer *peer = view_add_peer(view, range.pairs[i].key + skip);
        if (peer != NULL)
            result = read(peer, &range.pairs[i], err);
    }
    etcd_range_free(&range);
    return result;
}

static int read_input(struct fleet_view *view, struct etcd *etcd, const char *prefix,
                      struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_range range;
    int found = get(etcd, view_run_key(key, prefix, view->run.id, "input"), &range, err);
    view->has_input = found > 0;
    if (found <= 0)
        return found;
    int result = input_document_read(&view->input, key, range.pairs[0].value, err);
    etcd_range_free(&range);
    return result;
}

static int read_points(struct fleet_view *view, struct etcd *etcd, const char *prefix,
                       struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_range range;
    int found = get(etcd, view_run_key(key, prefix, view->run.id, "points"), &range, err);
    view->has_points = found > 0;
    if (found <= 0)
        return found;
    int result = digest_document_read(&view->points, key, range.pairs[0].value, err);
    etcd_range_free(&range);
    return result;
}

static int read_reopened(struct fleet_view *view, struct etcd *etcd, const char *prefix,
                         struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_range range;
    int found = get(etcd, view_run_key(key, prefix, view->run.id, "reopened"), &range, err);
    view->reopened_modified = found > 0 ? range.pairs[0].mod_revision : 0;
    if (found > 0)
        etcd_range_free(&range);
    return found < 0 ? -1 : 0;
}

static int read_of_run(struct fleet_view *view, struct etcd *etcd, const char *prefix,
                       struct error *err)
{
    const char *run = view->run.id;
    for (size_t i = 0; i < view->run.member_count; i++) {
        struct view_peer *peer = view_add_peer(view, view->run.members[i]);
        if (peer != NULL)
            peer->member = true;
    }
    if (read_input(view, etcd, prefix, err) != 0 || read_points(view, etcd, prefix, err) != 0 ||
        read_reopened(view, etcd, prefix, err) != 0 ||
        read_each(view, etcd, prefix, run, "learned", read_learned, err) != 0 ||
        read_each(view, etcd, prefix, run, "out", read_out, err) != 0)
        return -1;
    return read_each(view, etcd, prefix, run, "ready", read_ready, err);
}

static void forget_run(struct fleet_view *view)
{
    view->has_input = view->has_points = false;
    for (size_t i = 0; i < view->peer_count; i++) {
        struct view_peer *peer = &view->peers[i];
        peer->member = peer->has_learned = peer->has_ready = peer->has_switched = peer->out = false;
    }
}

/* The run first: when it is absent, how it ended is there to be read after it. */
static int read_all(struct fleet_view *view, struct etcd *etcd, const char *prefix,
                    struct error *err)
{
    forget_run(view);
    if (read_run(view, etcd, prefix, err) != 0 || read_wish(view, etcd, prefix, err) != 0 ||
        read_current(view, etcd, prefix, err) != 0 || read_ended(view, etcd, prefix, err) != 0)
        return -1;
    if (view->has_run)
        return read_of_run(view, etcd, prefix, err);
    if (view->has_current)
        return read_each(view, etcd, prefix, view->current.run, "switched", read_switched, err);
    return 0;
}

int view_read(struct fleet_view *view, struct etcd *etcd, const char *prefix, struct error *err)
{
    struct fleet_view *next = malloc(sizeof *next);
    if (next == NULL)
        return error_memory(err, "what etcd says");
    *next = *view;
    int result = read_all(next, etcd, prefix, err);
    if (result == 0) {
        next->known = true;
        *view = *next;
    }
    free(next);
    return result;
}
