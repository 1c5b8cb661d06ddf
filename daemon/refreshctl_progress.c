#include "daemon/refreshctl_progress.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "daemon/refreshctl_text.h"

#define BAR_WIDTH 40

int append_format(struct buffer *out, struct error *err, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return error_memory(err, "a line");
    int result = buffer_append(out, text, (size_t)length, err);
    free(text);
    return result;
}

int progress_status(struct client *client, cJSON **status, struct error *err)
{
    cJSON *reply;
    if (client_call(client, "status", NULL, &reply, err) != 0)
        return -1;
    cJSON *document = cJSON_DetachItemFromObjectCaseSensitive(reply, "status");
    cJSON_Delete(reply);
    if (document == NULL)
        return error_set(err, ERROR_VALUE, "refreshd sent no status");
    *status = document;
    return 0;
}

double progress_share(const cJSON *status)
{
    const cJSON *points = member(status, "points");
    double selected = member_number(status, "selected");
    if (strcmp(member_text(status, "state"), "publishing") == 0)
        return 1;
    return selected > 0 ? member_number(points, "answered") / selected : 0;
}

int progress_bar(double share, unsigned width, struct buffer *out, struct error *err)
{
    char bar[128];
    if (width + 2 > sizeof bar)
        width = sizeof bar - 2;
    unsigned full = (unsigned)((share < 0 ? 0 : share > 1 ? 1 : share) * width);
    bar[0] = '[';
    memset(bar + 1, '#', full);
    memset(bar + 1 + full, '.', width - full);
    bar[width + 1] = ']';
    return buffer_append(out, bar, width + 2, err);
}

/* A run of the fleet that this peer does not work on, or not yet; while etcd can't be reached or
 * the fleet's generation is being fetched nobody knows. */
static bool others_have(const cJSON *fleet, const char *run)
{
    const char *phase = member_text(fleet, "phase");
    return strcmp(member_text(fleet, "run"), run) == 0 || strcmp(phase, "unreachable") == 0 ||
           strcmp(phase, "catching_up") == 0;
}

enum progress_end progress_end(const cJSON *status, const char *run, int *exit)
{
    const cJSON *last = member(status, "last_run");
    if (strcmp(member_text(status, "run"), run) == 0 && run[0] != '\0') {
        const cJSON *standing = member(status, "exit");
        if (!cJSON_IsNumber(standing))
            return PROGRESS_GOES_ON;
        *exit = standing->valueint;
        return PROGRESS_STOPPED;
    }
    if (strcmp(member_text(last, "run"), run) != 0)
        return others_have(member(status, "fleet"), run) ? PROGRESS_GOES_ON : PROGRESS_LOST;
    *exit = (int)member_number(last, "exit");
    return PROGRESS_ENDED;
}

/* "fleet  READY, 3 live, 2 of 3 ready: waits for b". */
static int append_fleet(const cJSON *fleet, struct buffer *out, struct error *err)
{
    const char *detail = member_text(fleet, "detail");
    if (!cJSON_IsObject(fleet))
        return 0;
    if (append_format(out, err, "fleet       %s, %.0f live", member_text(fleet, "phase"),
                      member_number(fleet, "live")) != 0)
        return -1;
    if (member_number(fleet, "members") > 0 &&
        append_format(out, err, ", %.0f of %.0f ready", member_number(fleet, "ready"),
                      member_number(fleet, "members")) != 0)
        return -1;
    bool switching = strcmp(member_text(fleet, "phase"), "switching") == 0;
    if (cJSON_IsFalse(member(fleet, "current")) && !switching &&
        append_format(out, err, ", not its generation here") != 0)
        return -1;
    return append_format(out, err, "%s%s\n", detail[0] != '\0' ? ": " : "", detail);
}

static int append_head(const cJSON *status, struct buffer *out, struct error *err)
{
    char generation[FIGURE_BYTES];
    const char *run = member_text(status, "run"), *reason = member_text(status, "reason");
    const char *draining = cJSON_IsTrue(member(status, "draining")) ? " (draining)" : "";
    if (append_format(out, err, "state       %s%s%s%s   generation %s\n",
                      member_text(status, "state"), draining, run[0] != '\0' ? "   run " : "", run,
                      figure_count(member_number(status, "generation"), generation)) != 0)
        return -1;
    return reason[0] == '\0' ? 0 : append_format(out, err, "reason      %s\n", reason);
}

static int append_bar(const cJSON *status, struct buffer *out, struct error *err)
{
    char answered[FIGURE_BYTES], selected[FIGURE_BYTES];
    double share = progress_share(status);
    if (progress_bar(share, BAR_WIDTH, out, err) != 0)
        return -1;
    return append_format(
        out, err, " %.1f%%  %s of %s points\n", share * 100,
        figure_count(member_number(member(status, "points"), "answered"), answered),
        figure_count(member_number(status, "selected"), selected));
}

static const char *time_left(const cJSON *status, char out[32])
{
    const cJSON *eta = member(status, "eta_s");
    if (!cJSON_IsNumber(eta))
        return "unknown";
    return text_format_duration(eta->valuedouble, out);
}

static int append_pace(const cJSON *status, struct buffer *out, struct error *err)
{
    const cJSON *requests = member(status, "requests");
    const cJSON *fits = member(status, "deadline_fits");
    char pace[FIGURE_BYTES], limit[FIGURE_BYTES], sent[FIGURE_BYTES], flight[FIGURE_BYTES];
    char retried[FIGURE_BYTES], so_far[32], left[32];
    double rate = member_number(status, "rate");
    if (append_format(out, err,
                      "rate        %s points/s%s%s; %s requests/s, %s in flight, %s "
                      "retried\n",
                      figure_rate(member_number(status, "points_per_s"), pace),
                      rate > 0 ? " of at most " : "", rate > 0 ? figure_rate(rate, limit) : "",
                      figure_rate(member_number(requests, "per_s"), sent),
                      figure_count(member_number(requests, "in_flight"), flight),
                      figure_count(member_number(requests, "retried"), retried)) != 0)
        return -1;
    return append_format(out, err, "time        %s so far, %s left%s\n",
                         text_format_duration(member_number(status, "elapsed_s"), so_far),
                         time_left(status, left),
                         cJSON_IsFalse(fits) ? "; the deadline will be missed" : "");
}

static int append_parts(const cJSON *status, struct buffer *out, struct error *err)
{
    const cJSON *files = member(status, "point_files"), *tiles = member(status, "tiles");
    char done[FIGURE_BYTES], total[FIGURE_BYTES], active[FIGURE_BYTES];
    if (append_format(out, err, "point files %s of %s done, %s active",
                      figure_count(member_number(files, "done"), done),
                      figure_count(member_number(files, "total"), total),
                      figure_count(member_number(files, "active"), active)) != 0)
        return -1;
    return append_format(out, err, "; tiles %s of %s rebuilt\n",
                         figure_count(member_number(tiles, "rebuilt"), done),
                         figure_count(member_number(tiles, "total"), total));
}

static int append_stations(const cJSON *status, struct buffer *out, struct error *err)
{
    const char *bottleneck = member_text(status, "bottleneck");
    const cJSON *station;
    if (append_format(out, err, "stations   ") != 0)
        return -1;
    cJSON_ArrayForEach(station, member(status, "stations"))
    {
        const char *name = member_text(station, "name");
        bool slowest = strcmp(name, bottleneck) == 0;
        if (append_format(out, err, " %s%s %.0f%%%s", slowest ? "[" : "", name,
                          member_number(station, "busy") * 100, slowest ? "]" : "") != 0)
            return -1;
    }
    return append_format(out, err, "%s%s\n", bottleneck[0] != '\0' ? "   bottleneck: " : "",
                         bottleneck);
}

static int append_points(const cJSON *points, const char *title, struct buffer *out,
                         struct error *err)
{
    static const char *const names[] = {"found", "none", "unsure", "failed", "carried", "changed"};
    if (append_format(out, err, "%-12s", title) != 0)
        return -1;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char count[FIGURE_BYTES];
        if (append_format(out, err, "%s%s %s", i > 0 ? ", " : "", names[i],
                          figure_count(member_number(points, names[i]), count)) != 0)
            return -1;
    }
    return append_format(out, err, "\n");
}

static int append_failures(const cJSON *failures, struct buffer *out, struct error *err)
{
    const cJSON *cause;
    bool any = false;
    cJSON_ArrayForEach(cause, failures)
    {
        char count[FIGURE_BYTES];
        if (!cJSON_IsNumber(cause) || cause->valuedouble <= 0)
            continue;
        if (append_format(out, err, "%s%s %s", any ? ", " : "failures    ", cause->string,
                          figure_count(cause->valuedouble, count)) != 0)
            return -1;
        any = true;
    }
    return any ? append_format(out, err, "\n") : 0;
}

static int append_last(const cJSON *last, struct buffer *out, struct error *err)
{
    char ended[FIGURE_BYTES], took[32];
    if (!cJSON_IsObject(last))
        return append_format(out, err, "last run    none yet\n");
    const char *reason = member_text(last, "reason");
    if (append_format(out, err, "last run    %s %s %s, took %s%s%s\n", member_text(last, "run"),
                      member_text(last, "result"),
                      figure_date(member_number(last, "ended_at"), ended),
                      text_format_duration(member_number(last, "elapsed_s"), took),
                      reason[0] != '\0' ? ": " : "", reason) != 0 ||
        append_points(member(last, "points"), "", out, err) != 0)
        return -1;
    return append_failures(member(last, "failures"), out, err);
}

int progress_screen(const cJSON *status, struct buffer *out, struct error *err)
{
    if (append_head(status, out, err) != 0 || append_fleet(member(status, "fleet"), out, err) != 0)
        return -1;
    if (member_text(status, "run")[0] == '\0')
        return append_last(member(status, "last_run"), out, err);
    if (append_bar(status, out, err) != 0 || append_pace(status, out, err) != 0 ||
        append_parts(status, out, err) != 0 || append_stations(status, out, err) != 0 ||
        append_points(member(status, "points"), "points", out, err) != 0)
        return -1;
    return append_failures(member(status, "failures"), out, err);
}

int progress_line(const cJSON *status, struct buffer *out, struct error *err)
{
    const cJSON *points = member(status, "points");
    const char *reason = member_text(status, "reason");
    char answered[FIGURE_BYTES], selected[FIGURE_BYTES], pace[FIGURE_BYTES], left[32];
    if (reason[0] == '\0')
        reason = member_text(member(status, "fleet"), "detail");
    if (append_format(out, err, "%s %.1f%% %s of %s points, %s points/s, %s left",
                      member_text(status, "state"), progress_share(status) * 100,
                      figure_count(member_number(points, "answered"), answered),
                      figure_count(member_number(status, "selected"), selected),
                      figure_rate(member_number(status, "points_per_s"), pace),
                      time_left(status, left)) != 0)
        return -1;
    double failed = member_number(points, "failed");
    if (failed > 0 && append_format(out, err, ", %s failed", figure_count(failed, pace)) != 0)
        return -1;
    return reason[0] != '\0' ? append_format(out, err, " (%s)", reason) : 0;
}
