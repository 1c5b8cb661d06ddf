#include "daemon/watchdog.h"

#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"
#include "daemon/log.h"

#define LOOKS 4 /* in the time that systemd waits */

struct watchdog {
    uv_timer_t timer;
    struct line *line;
    struct watchdog_view view;
    bool silent;
};

bool watchdog_judge(struct watchdog_view *view, const struct line_progress *progress, double now,
                    double *silent)
{
    if (view->since == 0 || !progress->due || progress->moved != view->moved)
        view->since = now;
    view->moved = progress->moved;
    double still = now - view->since;
    *silent = progress->silent > still ? progress->silent : still;
    return progress->silent < view->limit && still < view->limit + progress->patience;
}

static void look(uv_timer_t *timer)
{
    struct watchdog *watchdog = timer->data;
    struct line_progress progress;
    double silent;
    line_progress(watchdog->line, &progress);
    bool well = watchdog_judge(&watchdog->view, &progress, clock_monotonic(), &silent);
    if (well)
        (void)sd_notify(0, "WATCHDOG=1");
    if (well && watchdog->silent)
        log_event(LOG_LEVEL_INFO, "standstill_over", "%s", "");
    else if (!well && !watchdog->silent)
        log_event(LOG_LEVEL_ERROR, "standstill", "thread=%s silent_s=%.0f",
                  progress.silent >= watchdog->view.limit ? progress.thread : "none", silent);
    watchdog->silent = !well;
}

int watchdog_open(struct watchdog **out, uv_loop_t *loop, struct line *line, struct error *err)
{
    uint64_t microseconds = 0;
    *out = NULL;
    if (sd_watchdog_enabled(0, &microseconds) <= 0)
        return 0;
    struct watchdog *watchdog = calloc(1, sizeof *watchdog);
    if (watchdog == NULL)
        return error_memory(err, "the watchdog");
    uint64_t interval = microseconds / 1000 / LOOKS;
    watchdog->line = line;
    watchdog->view.limit = (double)microseconds * 1e-6;
    (void)uv_timer_init(loop, &watchdog->timer);
    watchdog->timer.data = watchdog;
    (void)uv_timer_start(&watchdog->timer, look, 0, interval > 0 ? interval : 1);
    uv_unref((uv_handle_t *)&watchdog->timer);
    *out = watchdog;
    return 0;
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

void watchdog_close(struct watchdog *watchdog)
{
    if (watchdog != NULL)
        uv_close((uv_handle_t *)&watchdog->timer, closed);
}
