/* Part of test_protocol_simulation.c: peers, faults, operators, and what must never be. */

/* --- what must never be ------------------------------------------------------------------------
 */

static const char *text_put(const struct pretend_request *request, const char *key)
{
    for (size_t i = 0; i < request->count; i++)
        if (request->operations[i].kind == OPERATION_PUT &&
            strcmp(request->operations[i].key, key) == 0)
            return request->operations[i].value;
    return NULL;
}

static void check_end(const char *run)
{
    for (size_t i = 0; i < world.decided; i++)
        promise(strcmp(world.decisions[i].run, run) != 0, "a run ended after its decision");
    for (size_t i = 0; i < world.ended_count; i++)
        promise(strcmp(world.ended[i], run) != 0, "a run ended twice");
    const struct etcd_pair *pair = pretend_find(&world.store, PREFIX "run");
    promise(pair != NULL && strstr(pair->value, run) != NULL, "a run ended that is not under way");
}

static void check_decision(const char *text)
{
    struct decision_document decision;
    struct wish_document wish;
    struct pair_id ready;
    char key[FLEET_KEY_BYTES];
    assert_int_equal(decision_document_read(&decision, "current", text, NULL), 0);
    check_end(decision.run);
    const struct etcd_pair *pair = pretend_find(&world.store, PREFIX "wish");
    if (pair != NULL && wish_document_read(&wish, "wish", pair->value, NULL) == 0)
        promise(strcmp(wish.run, decision.run) != 0 || !wish.paused, "a paused run was decided");
    for (size_t i = 0; i < PEERS; i++) {
        const struct peer *peer = &world.peers[i];
        pair = pretend_find(&world.store,
                            view_run_key(key, PREFIX, decision.run, "ready/%s", peer->name));
        if (pair == NULL || digest_document_read(&ready, "ready", pair->value, NULL) != 0 ||
            !pair_id_equal(&ready, &decision.digest))
            continue;
        promise(pair_id_equal(&peer->line.prepared, &decision.digest),
                "a decision counts on a peer that has not got the generation");
    }
    assert_in_range(world.decided, 0, RUNS_LIMIT - 1);
    memcpy(world.decisions[world.decided].run, decision.run, sizeof decision.run);
    world.decisions[world.decided++].digest = decision.digest;
}

static void check_ended(const char *text)
{
    struct ended_document ended;
    assert_int_equal(ended_document_read(&ended, "ended", text, NULL), 0);
    check_end(ended.run);
    promise(strncmp(ended.reason, "digests differ", 14) != 0, "two digests met in ready");
    assert_in_range(world.ended_count, 0, RUNS_LIMIT - 1);
    memcpy(world.ended[world.ended_count++], ended.run, sizeof ended.run);
}

static void check_start(const char *text)
{
    static struct run_document run;
    assert_int_equal(run_document_read(&run, "run", text, NULL), 0);
    const struct pair_id *base =
        world.decided > 0 ? &world.decisions[world.decided - 1].digest : &first_digest;
    promise(pretend_find(&world.store, PREFIX "run") == NULL, "two runs are under way");
    promise(pair_id_equal(&run.base_digest, base), "a run has a base that was not decided last");
}

static void committed(void *context, const struct pretend_request *request)
{
    (void)context;
    const char *current = text_put(request, PREFIX "current");
    const char *ended = text_put(request, PREFIX "ended");
    const char *run = text_put(request, PREFIX "run");
    if (current != NULL)
        check_decision(current);
    if (ended != NULL)
        check_ended(ended);
    if (run != NULL)
        check_start(run);
}

static bool lease_lives(void *context, int64_t lease)
{
    (void)context;
    for (size_t i = 0; i < PEERS; i++)
        if (world.peers[i].lease == lease)
            return true;
    return false;
}

/* --- a peer
 * ---------------------------------------------------------------------------------------- */

static void heartbeat(struct peer *peer)
{
    if (peer->lease == 0)
        peer->lease = ++world.leases;
    peer->knows_lease = true;
    peer->document = (struct peer_document){
        .generation = peer->generation, .next = peer->generation + 1, .digest = peer->published};
    peer->document.grid = (struct grid){24, 24};
    memcpy(peer->document.applied, peer->applied, sizeof peer->applied);
}

/* As look() in fleet_agent.c: what the peer has is read after what etcd says. */
static void look_at_self(struct peer *peer, struct protocol_self *self)
{
    struct fleet *fleet = &peer->fleet;
    struct line *line = &peer->line;
    *self = fleet->self;
    self->name = peer->name;
    self->member = membership_lease(&peer->membership) != 0;
    self->has_generation = true;
    self->digest = peer->published;
    memcpy(self->applied, peer->applied, sizeof self->applied);
    self->line_active = line->active;
    self->line_shared = fleet->joined.valid && strcmp(fleet->joined.run.id, line->run) == 0;
    memcpy(self->line_run, line->run, sizeof self->line_run);
    memcpy(self->ended_run, line->ended, sizeof self->ended_run);
    self->publishing = line->active && line->publishing;
    self->waiting = fleet->verdict.waiting && !fleet->verdict.given;
    self->prepared = fleet->verdict.prepared;
    self->reopened = peer->reopened;
    self->own_set_here = self->all_sets_here = true;
}

static void agent_round(struct peer *peer)
{
    struct fleet *fleet = &peer->fleet;
    struct fleet_view *view = &peer->reading;
    struct protocol_self self;
    struct protocol_step step;
    struct error err;
    peer->agent_busy = true;
    (void)agent_peers(fleet, view, NULL);
    if (view_read(view, &peer->etcd, PREFIX, &err) == 0) {
        look_at_self(peer, &self);
        protocol_next(view, &self, &step);
        fleet->view = *view;
        fleet->self = self;
        fleet->step = step;
        (void)fleet_act(fleet, view, &self, &step, &err);
    }
    peer->agent_busy = false;
}

static void forget(struct peer *peer)
{
    peer->crashing = peer->phase_open = peer->knows_lease = false;
    memset(peer->asking, 0, sizeof peer->asking);
    peer->reopened = 0;
    memset(&peer->fleet.view, 0, sizeof peer->fleet.view);
    memset(&peer->reading, 0, sizeof peer->reading);
    memset(&peer->fleet.self, 0, sizeof peer->fleet.self);
    peer->fleet.verdict = (struct verdict){.waiting = false};
    peer->fleet.joined = peer->joined;
}

static void crash_when_due(struct peer *peer)
{
    if (!peer->crashing || peer->agent_busy || peer->line_busy)
        return;
    forget(peer);
    peer->up = false;
}

/* --- operators
 * ------------------------------------------------------------------------------------- */

static void operate(struct peer *peer)
{
    struct run_parameters parameters = {.shares = SHARES};
    char id[RUN_ID_BYTES];
    bool nothing;
    struct error err;
    unsigned what = roll(20);
    peer->agent_busy = peer->line_busy = true;
    if (what < 9)
        (void)fleet_start(&peer->fleet, &parameters, id, &nothing, &err);
    else if (what < 13)
        (void)fleet_pause(&peer->fleet, "a person", &err);
    else if (what < 18)
        (void)fleet_resume(&peer->fleet, &err);
    else if (what < 19)
        (void)fleet_publish(&peer->fleet, true, &err);
    else
        (void)fleet_cancel(&peer->fleet, &err);
    peer->agent_busy = peer->line_busy = false;
}

/* --- the world
 * -------------------------------------------------------------------------------------- */

static void lose_lease(struct peer *peer)
{
    int64_t lease = peer->lease;
    peer->lease = 0;
    pretend_lease_ends(&world.store, lease);
}

/* A peer that hears of its lost lease at last. */
static void member_step(struct peer *peer)
{
    if (peer->lease == 0)
        peer->knows_lease = false;
    heartbeat(peer);
}

static void fault(struct peer *peer)
{
    bool lost = chance(20); /* a roll of its own: arguments have no order */
    if (world.store.late_count > 0 && chance(50))
        pretend_arrive(&world.store, roll((unsigned)world.store.late_count), lost);
    else if (peer->lease != 0 && chance(peer->cut > 0 ? 60 : peer->up ? 3 : 40))
        lose_lease(peer);
    else if (peer->up && chance(2))
        peer->crashing = true;
    else if (peer->cut == 0 && chance(6))
        peer->cut = 5 + roll(80);
}

static void happen(void)
{
    struct peer *peer = &world.peers[roll(PEERS)];
    bool free_now = !peer->agent_busy && !peer->line_busy;
    peer->cut -= peer->cut > 0;
    if (world.faults && chance(8))
        fault(peer);
    else if (!peer->up && chance(world.faults ? 5 : 50))
        peer->up = true;
    else if (peer->up && !peer->crashing) {
        unsigned what = roll(100);
        if (what < 20 && peer->cut == 0)
            member_step(peer);
        else if (what < 55 && !peer->agent_busy)
            agent_round(peer);
        else if (what < 95 && !peer->line_busy)
            line_step(peer);
        else if (free_now && world.faults && world.runs < RUNS_LIMIT / 2)
            operate(peer);
    }
    crash_when_due(peer);
}

static void make_peer(struct peer *peer, unsigned number, bool quorum)
{
    static char prefix[] = PREFIX;
    struct fleet *fleet = &peer->fleet;
    memset(peer, 0, sizeof *peer);
    peer->name[0] = (char)('a' + number);
    peer->up = true;
    peer->published = peer->backup = first_digest;
    peer->generation = 1;
    peer->line.peer = peer->membership.peer = peer->client.peer = peer;
    peer->etcd = (struct etcd){&world.store, turn, peer};
    peer->conductor_etcd = peer->etcd;
    fleet->settings = (struct fleet_settings){.name = peer->name,
                                              .fleet = "f",
                                              .cache_directory = "",
                                              .state_directory = "",
                                              .quorum = quorum,
                                              .lease = 10};
    fleet->prefix = prefix;
    fleet->line = &peer->line;
    fleet->membership = &peer->membership;
    fleet->client = &peer->client;
    fleet->etcd = fleet->operator_etcd = &peer->etcd;
    memcpy(fleet->self_name, peer->name, sizeof peer->name);
    (void)pthread_mutex_init(&fleet->operators, NULL);
    (void)pthread_mutex_init(&fleet->lock, NULL);
    (void)pthread_cond_init(&fleet->changed, NULL);
    heartbeat(peer);
}

static bool is_at_rest(void)
{
    const struct pair_id *last =
        world.decided > 0 ? &world.decisions[world.decided - 1].digest : &first_digest;
    if (pretend_find(&world.store, PREFIX "run") != NULL)
        return false;
    for (size_t i = 0; i < PEERS; i++)
        if (!world.peers[i].up || world.peers[i].line.active ||
            !pair_id_equal(&world.peers[i].published, last))
            return false;
    return true;
}

static void resume_paused(struct peer *peer)
{
    struct error err;
    if (peer->up && peer->fleet.view.has_wish && peer->fleet.view.wish.paused)
        (void)fleet_resume(&peer->fleet, &err);
}

static void come_to_rest(void)
{
    world.faults = false;
    for (size_t i = 0; i < PEERS; i++)
        world.peers[i].cut = 0;
    while (world.store.late_count > 0)
        pretend_arrive(&world.store, 0, false);
    for (int i = 0; i < STEPS_TO_REST && !is_at_rest(); i++) {
        happen();
        resume_paused(&world.peers[0]);
    }
    promise(is_at_rest(), "the fleet did not come to an end");
}

/* The number of decisions. */
static unsigned simulate(unsigned long long seed)
{
    memset(&world, 0, sizeof world);
    world.seed = seed;
    world.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    world.store.committed = committed;
    world.store.lease_lives = lease_lives;
    world.faults = true;
    bool quorum = chance(50);
    for (unsigned i = 0; i < PEERS; i++)
        make_peer(&world.peers[i], i, quorum);
    for (int i = 0; i < STEPS_OF_FAULTS; i++)
        happen();
    come_to_rest();
    pretend_store_free(&world.store);
    return (unsigned)world.decided;
}
