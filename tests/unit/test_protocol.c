/* Each thing that a peer may have to do next, alone; how they go together is for the simulation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/protocol.h"

static const struct pair_id old = {{1}}, new = {{2}}, other = {{3}};

/* Three live members with the old generation and no run; `a` is us. */
struct scene {
    struct fleet_view view;
    struct protocol_self self;
    struct protocol_step step;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    scene->view.known = true;
    for (int i = 0; i < 3; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        struct view_peer *peer = view_add_peer(&scene->view, name);
        peer->live = true;
        peer->document.generation = 4;
        peer->document.digest = old;
    }
    scene->self = (struct protocol_self){.name = "a",
                                         .member = true,
                                         .has_generation = true,
                                         .digest = old,
                                         .own_set_here = true,
                                         .all_sets_here = true};
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static enum protocol_action next(struct scene *scene)
{
    protocol_next(&scene->view, &scene->self, &scene->step);
    return scene->step.action;
}

static struct view_peer *peer(struct scene *scene, const char *name)
{
    return view_peer(&scene->view, name);
}

static void begin_run(struct scene *scene)
{
    scene->view.has_run = true;
    memcpy(scene->view.run.id, "r1", 3);
    scene->view.run.base_digest = old;
    for (size_t i = 0; i < scene->view.peer_count; i++)
        scene->view.peers[i].member = true;
}

static void work(struct scene *scene)
{
    begin_run(scene);
    scene->self.line_active = scene->self.line_shared = true;
    memcpy(scene->self.line_run, "r1", 3);
}

static void wait_prepared(struct scene *scene)
{
    work(scene);
    scene->self.publishing = scene->self.waiting = true;
    scene->self.prepared = new;
}

static void be_ready(struct scene *scene, const char *name, struct pair_id digest)
{
    peer(scene, name)->has_ready = true;
    peer(scene, name)->ready = digest;
}

static void decided(struct scene *scene)
{
    scene->view.has_run = false;
    scene->view.has_current = true;
    memcpy(scene->view.current.run, "r1", 3);
    scene->view.current.digest = new;
}

/* --- before a run ---------------------------------------------------------------------- */

static void nothing_known_nothing_done(void **state)
{
    struct scene *scene = *state;
    scene->view.known = false;
    assert_int_equal(next(scene), PROTOCOL_REST);
    assert_int_equal(scene->step.phase, FLEET_UNREACHABLE);
    scene->view.known = true;
    assert_int_equal(next(scene), PROTOCOL_REST);
    assert_int_equal(scene->step.phase, FLEET_IDLE);
    scene->self.member = false;
    begin_run(scene);
    assert_int_equal(next(scene), PROTOCOL_REST);
    assert_int_equal(scene->step.phase, FLEET_UNREACHABLE);
    assert_non_null(strstr(scene->step.detail, "has its name, a"));
    peer(scene, "a")->live = false;
    assert_int_equal(next(scene), PROTOCOL_REST);
    assert_non_null(strstr(scene->step.detail, "etcd does not answer"));
}

static void learned_points_are_gathered_first(void **state)
{
    struct scene *scene = *state;
    begin_run(scene);
    assert_int_equal(next(scene), PROTOCOL_GATHER);
    peer(scene, "a")->has_learned = true;
    assert_int_equal(next(scene), PROTOCOL_REST);
    assert_non_null(strstr(scene->step.detail, "b"));
    peer(scene, "b")->has_learned = true;
    peer(scene, "c")->live = false; /* nobody waits for the dead */
    scene->self.all_sets_here = false;
    assert_int_equal(next(scene), PROTOCOL_FETCH);
    scene->self.all_sets_here = true;
    assert_int_equal(next(scene), PROTOCOL_SEAL);
    scene->self.own_set_here = false; /* our disk was replaced */
    assert_int_equal(next(scene), PROTOCOL_GATHER);
    scene->view.has_input = true;
    assert_int_equal(next(scene), PROTOCOL_JOIN);
    scene->self.all_sets_here = false;
    assert_int_equal(next(scene), PROTOCOL_FETCH);
}

static void another_generation_is_caught_up_first(void **state)
{
    struct scene *scene = *state;
    begin_run(scene);
    scene->self.digest = other;
    assert_int_equal(next(scene), PROTOCOL_CATCH_UP);
    assert_memory_equal(&scene->step.digest, &old, sizeof old);
    scene->self.has_generation = false;
    assert_int_equal(next(scene), PROTOCOL_CATCH_UP);
}

static void a_peer_with_a_run_of_its_own_is_left_out(void **state)
{
    struct scene *scene = *state;
    begin_run(scene);
    scene->self.line_active = true;
    memcpy(scene->self.line_run, "lone", 5);
    assert_int_equal(next(scene), PROTOCOL_LEAVE_OUT);
    assert_non_null(strstr(scene->step.detail, "lone"));
    peer(scene, "a")->out = true;
    assert_int_equal(next(scene), PROTOCOL_REST);
    assert_int_equal(scene->step.phase, FLEET_LEFT_OUT);
}

/* --- a run ------------------------------------------------------------------------------- */

static void all_have_to_be_ready(void **state)
{
    struct scene *scene = *state;
    work(scene);
    assert_int_equal(next(scene), PROTOCOL_REST);
    assert_int_equal(scene->step.phase, FLEET_REFRESHING);
    wait_prepared(scene);
    assert_int_equal(next(scene), PROTOCOL_READY);
    be_ready(scene, "a", new);
    be_ready(scene, "b", new);
    peer(scene, "c")->live = false;
    assert_int_equal(next(scene), PROTOCOL_REST);
    assert_non_null(strstr(scene->step.detail, "c (not there)"));
    scene->view.has_wish = scene->view.wish.forced = true;
    assert_int_equal(next(scene), PROTOCOL_DECIDE);
    scene->view.has_wish = false;
    scene->view.run.quorum = true;
    assert_int_equal(next(scene), PROTOCOL_DECIDE);
    scene->view.run.quorum = false;
    peer(scene, "c")->out = true;
    assert_int_equal(next(scene), PROTOCOL_DECIDE);
    peer(scene, "c")->out = false;
    be_ready(scene, "c", new);
    assert_int_equal(next(scene), PROTOCOL_DECIDE);
    scene->view.has_wish = scene->view.wish.paused = true;
    assert_int_equal(next(scene), PROTOCOL_REST);
}

static void a_quorum_never_needs_more_than_all(void **state)
{
    struct scene *scene = *state;
    unsigned needed;
    wait_prepared(scene);
    scene->view.run.quorum = true;
    be_ready(scene, "a", new);
    assert_int_equal(protocol_ready(&scene->view, &needed), 1);
    assert_int_equal(needed, 2);
    view_peer(&scene->view, "c")->member = false;
    peer(scene, "b")->out = true;
    assert_int_equal(protocol_ready(&scene->view, &needed), 1);
    assert_int_equal(needed, 1);
}

static void digests_that_differ_end_the_run(void **state)
{
    struct scene *scene = *state;
    wait_prepared(scene);
    be_ready(scene, "a", new);
    be_ready(scene, "b", other);
    be_ready(scene, "c", new);
    assert_int_equal(next(scene), PROTOCOL_ABORT);
    assert_non_null(strstr(scene->step.detail, "02000000000000000000000000000000"));
    assert_non_null(strstr(scene->step.detail, "03000000000000000000000000000000"));
}

static void what_is_not_prepared_any_more_is_not_promised(void **state)
{
    struct scene *scene = *state;
    work(scene);
    be_ready(scene, "a", new);
    assert_int_equal(next(scene), PROTOCOL_UNREADY);
}

static void reopened_answers_send_the_line_back(void **state)
{
    struct scene *scene = *state;
    wait_prepared(scene);
    be_ready(scene, "a", new);
    scene->view.reopened_modified = 77;
    assert_int_equal(next(scene), PROTOCOL_AGAIN);
    scene->self.reopened = 77;
    assert_int_equal(next(scene), PROTOCOL_REST);
}

static void a_fleet_without_peers_gives_up(void **state)
{
    struct scene *scene = *state;
    work(scene);
    peer(scene, "b")->out = true;
    assert_int_equal(next(scene), PROTOCOL_REST);
    peer(scene, "c")->out = true;
    assert_int_equal(next(scene), PROTOCOL_ABORT);
}

/* --- after a run ---------------------------------------------------------------------------- */

static void a_decision_is_carried_out(void **state)
{
    struct scene *scene = *state;
    wait_prepared(scene);
    decided(scene);
    assert_int_equal(next(scene), PROTOCOL_SWITCH);
    scene->self.waiting = false; /* the line renames, or prepares once more after a restart */
    assert_int_equal(next(scene), PROTOCOL_REST);
    scene->self.publishing = false;
    assert_int_equal(next(scene), PROTOCOL_END_LINE);
    scene->self.line_active = false;
    assert_int_equal(next(scene), PROTOCOL_CATCH_UP);
    assert_memory_equal(&scene->step.digest, &new, sizeof new);
    scene->self.digest = new;
    assert_int_equal(next(scene), PROTOCOL_APPLIED);
    memcpy(scene->self.applied, "r1", 3);
    assert_int_equal(next(scene), PROTOCOL_REST);
}

static void a_line_that_has_switched_ends_by_itself(void **state)
{
    struct scene *scene = *state;
    work(scene);
    decided(scene);
    memcpy(scene->self.applied, "r1", 3);
    scene->self.publishing = true;
    assert_int_equal(next(scene), PROTOCOL_REST);
    assert_int_equal(scene->step.phase, FLEET_IDLE);
    assert_string_equal(scene->step.detail, "");
    scene->self.waiting = true; /* it was started again before it had written that down */
    assert_int_equal(next(scene), PROTOCOL_END_LINE);
}

static void another_digest_than_prepared_is_never_switched_to(void **state)
{
    struct scene *scene = *state;
    wait_prepared(scene);
    decided(scene);
    scene->view.current.digest = other;
    assert_int_equal(next(scene), PROTOCOL_END_LINE);
}

static void what_operators_published_since_stays(void **state)
{
    struct scene *scene = *state;
    decided(scene);
    memcpy(scene->self.applied, "r1", 3);
    scene->self.digest = other;
    assert_int_equal(next(scene), PROTOCOL_REST);
}

static void a_run_that_is_over_ends_in_the_line(void **state)
{
    struct scene *scene = *state;
    work(scene);
    scene->view.has_run = false;
    assert_int_equal(next(scene), PROTOCOL_END_LINE);
    assert_false(scene->step.failed);
    scene->view.has_ended = true;
    scene->view.ended.failed = true;
    memcpy(scene->view.ended.run, "r1", 3);
    memcpy(scene->view.ended.reason, "why", 4);
    assert_int_equal(next(scene), PROTOCOL_END_LINE);
    assert_true(scene->step.failed);
    assert_string_equal(scene->step.detail, "why");
    begin_run(scene);
    memcpy(scene->view.run.id, "r2", 3);
    assert_int_equal(next(scene), PROTOCOL_END_LINE);
}

/* --- bases and shares of the rate ----------------------------------------------------------- */

static void the_base_is_what_most_have(void **state)
{
    struct scene *scene = *state;
    struct pair_id base;
    peer(scene, "b")->document.digest = other;
    assert_true(protocol_base(&scene->view, "b", &base));
    assert_memory_equal(&base, &old, sizeof old);
    peer(scene, "c")->live = false; /* one and one: the starter's */
    assert_true(protocol_base(&scene->view, "b", &base));
    assert_memory_equal(&base, &other, sizeof other);
    decided(scene); /* nobody has carried it out */
    assert_false(protocol_base(&scene->view, "b", &base));
    peer(scene, "c")->live = true;
    peer(scene, "c")->document.digest = new;
    memcpy(peer(scene, "c")->document.applied, "r1", 3);
    assert_true(protocol_base(&scene->view, "b", &base));
    assert_memory_equal(&base, &new, sizeof new);
}

static void the_rate_is_divided_by_those_who_take_part(void **state)
{
    struct scene *scene = *state;
    begin_run(scene);
    assert_int_equal(protocol_takers(&scene->view), 3);
    peer(scene, "b")->live = false;
    assert_int_equal(protocol_takers(&scene->view), 2);
    peer(scene, "c")->out = true;
    assert_int_equal(protocol_takers(&scene->view), 1);
    peer(scene, "a")->live = false;
    assert_int_equal(protocol_takers(&scene->view), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_known_nothing_done),
        TEST(learned_points_are_gathered_first),
        TEST(another_generation_is_caught_up_first),
        TEST(a_peer_with_a_run_of_its_own_is_left_out),
        TEST(all_have_to_be_ready),
        TEST(a_quorum_never_needs_more_than_all),
        TEST(digests_that_differ_end_the_run),
        TEST(what_is_not_prepared_any_more_is_not_promised),
        TEST(reopened_answers_send_the_line_back),
        TEST(a_fleet_without_peers_gives_up),
        TEST(a_decision_is_carried_out),
        TEST(a_line_that_has_switched_ends_by_itself),
        TEST(another_digest_than_prepared_is_never_switched_to),
        TEST(what_operators_published_since_stays),
        TEST(a_run_that_is_over_ends_in_the_line),
        TEST(the_base_is_what_most_have),
        TEST(the_rate_is_divided_by_those_who_take_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
