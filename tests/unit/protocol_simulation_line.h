/* Part of test_protocol_simulation.c: what the line does of itself. */

static bool reads_run(const struct peer *peer)
{
    const struct fleet_view *view = &peer->fleet.view;
    return view->has_run && strcmp(view->run.id, peer->line.run) == 0;
}

static void begin_of_run(struct etcd_txn *txn, const struct peer *peer)
{
    etcd_txn_begin(txn);
    etcd_compare_created(txn, PREFIX "run", peer->fleet.view.run_created);
}

static const struct etcd_pair *in_range(const struct etcd_range *range, const char *key)
{
    for (size_t i = 0; i < range->count; i++)
        if (strcmp(range->pairs[i].key, key) == 0)
            return &range->pairs[i];
    return NULL;
}

/* The run's keys as one reading, and `reopened` in it. */
static bool read_shares(struct peer *peer, struct etcd_range *range, int64_t *reopened)
{
    char key[FLEET_KEY_BYTES];
    if (etcd_get_prefix(&peer->conductor_etcd, view_run_key(key, PREFIX, peer->line.run, "%s", ""),
                        0, range, NULL) != 0)
        return false;
    const struct etcd_pair *pair =
        in_range(range, view_run_key(key, PREFIX, peer->line.run, "reopened"));
    *reopened = pair != NULL ? pair->mod_revision : 0;
    return true;
}

static const struct etcd_pair *done_of(const struct peer *peer, const struct etcd_range *range,
                                       unsigned share)
{
    char key[FLEET_KEY_BYTES];
    return in_range(range, view_run_key(key, PREFIX, peer->line.run, "done/%04u", share));
}

static unsigned answers_in(const struct etcd_pair *done)
{
    return done != NULL ? (unsigned)strtoul(done->value, NULL, 10) : 0;
}

static bool is_dead_or_lacks(const struct peer *peer, unsigned share, unsigned answers, bool live)
{
    return !peer->up || (live && peer->lease == 0) || peer->line.answers[share] != answers;
}

static bool can_be_had(const struct peer *self, unsigned share, unsigned answers, bool live)
{
    for (size_t i = 0; i < PEERS; i++)
        if (!is_dead_or_lacks(&world.peers[i], share, answers, live) &&
            strcmp(world.peers[i].line.run, self->line.run) == 0)
            return true;
    return false;
}

/* As shares_prepare: nothing is promised any more, and answers that don't count are dropped. */
static void open_phase(struct peer *peer)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_txn txn;
    struct etcd_range range;
    int64_t reopened;
    if (!reads_run(peer))
        return;
    etcd_txn_begin(&txn);
    etcd_delete(&txn, view_run_key(key, PREFIX, peer->line.run, "ready/%s", peer->name));
    if (etcd_commit(&peer->conductor_etcd, &txn, NULL, NULL) < 0 ||
        !read_shares(peer, &range, &reopened))
        return;
    for (unsigned i = 0; i < SHARES; i++) {
        unsigned answers = answers_in(done_of(peer, &range, i));
        if (answers != 0 && peer->line.answers[i] != answers)
            peer->line.answers[i] = 0;
    }
    etcd_range_free(&range);
    peer->line.prepared = (struct pair_id){{0}};
    peer->reopened = reopened;
    peer->phase_open = true;
}

static void commit_of(struct peer *peer, struct etcd_txn *txn)
{
    (void)etcd_commit(&peer->conductor_etcd, txn, NULL, NULL);
}

static void put_done(struct peer *peer, unsigned share)
{
    char key[FLEET_KEY_BYTES], text[24];
    struct etcd_txn txn;
    (void)snprintf(text, sizeof text, "%u", peer->line.answers[share]);
    begin_of_run(&txn, peer);
    etcd_compare_absent(&txn, view_run_key(key, PREFIX, peer->line.run, "done/%04u", share));
    etcd_put(&txn, key, text, 0);
    etcd_delete(&txn, view_run_key(key, PREFIX, peer->line.run, "claim/%04u", share));
    commit_of(peer, &txn);
}

static void reopen(struct peer *peer, unsigned share, const struct etcd_pair *done,
                   int64_t reopened)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_txn txn;
    begin_of_run(&txn, peer);
    etcd_compare_modified(&txn, done->key, done->mod_revision);
    etcd_delete(&txn, done->key);
    etcd_compare_read(&txn, view_run_key(key, PREFIX, peer->line.run, "reopened"), reopened);
    etcd_put(&txn, key, "1", 0);
    etcd_delete_prefix(&txn, view_run_key(key, PREFIX, peer->line.run, "ready/"));
    (void)share;
    commit_of(peer, &txn);
}

static void ask_for(struct peer *peer, unsigned share, const struct etcd_range *range)
{
    char key[FLEET_KEY_BYTES];
    const struct etcd_pair *claim =
        in_range(range, view_run_key(key, PREFIX, peer->line.run, "claim/%04u", share));
    struct etcd_txn txn;
    bool ours = claim != NULL && strncmp(claim->value, peer->name, 1) == 0;
    if (peer->asking[share] || ours) {
        peer->line.answers[share] = ++world.asked;
        peer->asking[share] = false;
    } else if (claim == NULL && peer->knows_lease) {
        char owner[8];
        (void)snprintf(owner, sizeof owner, "%s %s", peer->name, peer->name);
        begin_of_run(&txn, peer);
        etcd_compare_absent(&txn, key);
        etcd_put(&txn, key, owner, peer->lease);
        if (etcd_commit(&peer->conductor_etcd, &txn, NULL, NULL) > 0)
            peer->asking[share] = true;
    }
}

/* A step for one share; true = its answers are here and count. */
static bool share_step(struct peer *peer, unsigned share, const struct etcd_range *range,
                       int64_t reopened)
{
    const struct etcd_pair *done = done_of(peer, range, share);
    unsigned counts = answers_in(done), *ours = &peer->line.answers[share];
    if (counts != 0 && *ours == counts)
        return true;
    if (counts != 0 && *ours != 0)
        peer->phase_open = false; /* begin anew: drop ours */
    else if (counts != 0 && can_be_had(peer, share, counts, false))
        *ours = !world.faults || chance(20) ? counts : 0; /* fetching takes its time */
    else if (counts != 0 && !can_be_had(peer, share, counts, true))
        reopen(peer, share, done, reopened);
    else if (counts == 0 && *ours != 0)
        put_done(peer, share);
    else if (counts == 0)
        ask_for(peer, share, range);
    return false;
}

/* Tiles are a pure function of run and answers. */
static struct pair_id build(const struct line *line)
{
    struct pair_id digest = {{2}};
    memcpy(&digest.bytes[1], line->run + 17, 4);
    for (unsigned i = 0; i < SHARES; i++)
        memcpy(&digest.bytes[5 + 4 * i], &line->answers[i], sizeof line->answers[i]);
    return digest;
}

static void refresh_step(struct peer *peer)
{
    struct etcd_range range;
    int64_t reopened;
    unsigned right = 0;
    if (!peer->phase_open) {
        open_phase(peer);
        return;
    }
    if (!reads_run(peer) || !read_shares(peer, &range, &reopened))
        return;
    if (reopened != peer->reopened)
        peer->phase_open = false;
    for (unsigned i = 0; i < SHARES && peer->phase_open && !peer->crashing; i++)
        right += share_step(peer, i, &range, reopened);
    etcd_range_free(&range);
    if (right == SHARES && peer->phase_open && !peer->crashing) {
        peer->line.prepared = build(&peer->line);
        peer->line.publishing = true;
    }
}

static void follow_verdict(struct peer *peer)
{
    struct verdict *verdict = &peer->fleet.verdict;
    enum agreement_kind kind = verdict->agreement.kind;
    *verdict = (struct verdict){.waiting = false};
    if (kind == AGREED_AGAIN) {
        peer->line.publishing = peer->phase_open = false;
        return;
    }
    publish(peer, &peer->line.prepared);
    peer->crashing = world.faults && chance(3);
    if (!peer->crashing)
        (void)store_applied(&peer->fleet, peer->line.run, NULL);
    end_of_line(&peer->line);
}

static void line_step(struct peer *peer)
{
    struct line *line = &peer->line;
    struct fleet *fleet = &peer->fleet;
    if (!line->active)
        return;
    peer->line_busy = true;
    bool paused = reads_run(peer) && fleet->view.has_wish && fleet->view.wish.paused;
    if (fleet->verdict.given)
        follow_verdict(peer);
    else if (paused)
        fleet->verdict.waiting = false;
    else if (!line->publishing)
        refresh_step(peer);
    else if (!fleet->verdict.waiting)
        fleet->verdict = (struct verdict){.waiting = true, .prepared = line->prepared};
    peer->line_busy = false;
}
