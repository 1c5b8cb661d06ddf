/* Progress of a run tile by tile: the same out of memory and out of the ledger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/line_rig.h"
#include "tests/unit/patience.h"

#define COUNT 2000
#define LITTER 5000

struct summary {
    unsigned outside, waiting, asking, rebuilt;
    double done; /* sum over tiles */
};

static struct summary look(struct line *line)
{
    struct line_tiles tiles;
    struct summary sum = {0};
    struct error err;
    int found = line_tiles(line, &tiles, &err);
    if (found < 0)
        fail_msg("%s", err.message);
    if (found == 0)
        return sum;
    for (uint32_t i = 0; i < grid_tiles(tiles.grid); i++) {
        const struct line_tile *tile = &tiles.tiles[i];
        assert_true(tile->done >= 0 && tile->done <= 1);
        assert_true(tile->state != LINE_TILE_WAITING || tile->done == 0);
        sum.outside += tile->state == LINE_TILE_OUTSIDE;
        sum.waiting += tile->state == LINE_TILE_WAITING;
        sum.asking += tile->state == LINE_TILE_ASKING;
        sum.rebuilt += tile->state == LINE_TILE_REBUILT;
        sum.done += tile->done;
    }
    line_tiles_free(&tiles);
    return sum;
}

static struct summary wait_rebuilt(struct line *line, unsigned tiles)
{
    double end = clock_monotonic() + PATIENCE;
    struct summary sum = look(line);
    while (sum.rebuilt < tiles) {
        assert_true(clock_monotonic() < end);
        usleep(2000);
        sum = look(line);
    }
    return sum;
}

static void a_paused_run_shows_what_it_showed_while_it_worked(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.distant = true;
    rig->geocoder.latency_ms = 5;
    rig->parameters.rate = 100;
    struct line *line = rig_line(rig);
    assert_int_equal(line_tiles(line, &(struct line_tiles){0}, &err), 0);
    rig_start(rig, line);
    struct summary working = wait_rebuilt(line, 5);
    assert_true(working.waiting > 0 && working.asking > 0 && working.outside > 0);
    assert_int_equal(working.outside + working.waiting + working.asking + working.rebuilt, 576);
    assert_int_equal(line_pause(line, "by hand", &err), 0);
    rig_wait(line, LINE_PAUSED, &status);
    struct summary paused = look(line);
    assert_int_equal(paused.outside, working.outside);
    assert_true(paused.rebuilt >= working.rebuilt && paused.done >= working.done);
    /* A tile that was being asked, with no answer yet, waits again. */
    assert_true(paused.waiting > 0 && paused.waiting <= working.waiting + working.asking);
    line = rig_line(rig); /* nothing of it is in memory now */
    struct summary opened = look(line);
    assert_memory_equal(&opened, &paused, sizeof opened);
    assert_int_equal(line_resume(line, &err), 0);
    struct line_change fast = {.rate = 0, .finish_within = -1, .workers = -1, .concurrency = -1};
    assert_int_equal(line_set(line, &fast, &err), 0);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(line_tiles(line, &(struct line_tiles){0}, &err), 0);
    rig_close(rig);
}

/* Pairs of generations that nobody needs any more: removing them takes a run's end a while. */
static void litter(const char *cache_directory, unsigned pairs)
{
    for (unsigned i = 0; i < pairs; i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/000.%u.idx", cache_directory, 1000 + i);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        assert_true(fd >= 0 && close(fd) == 0);
    }
}

static void a_held_run_has_rebuilt_all_its_tiles(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.move_every = 2; /* too many for the gate */
    rig->geocoder.version = 2;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    rig_wait(line, LINE_HELD, &status);
    struct summary held = look(line);
    assert_int_equal(held.waiting + held.asking, 0);
    assert_true(held.rebuilt > 50 && held.outside == 576 - held.rebuilt);
    litter(rig->cache, LITTER);
    assert_int_equal(line_cancel(line, &err), 0);
    do { /* whoever looks while it ends sees it or sees none */
        (void)look(line);
        line_status(line, &status);
    } while (status.state != LINE_IDLE);
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_paused_run_shows_what_it_showed_while_it_worked),
        cmocka_unit_test(a_held_run_has_rebuilt_all_its_tiles),
    };
    return rig_run_tests(tests);
}
