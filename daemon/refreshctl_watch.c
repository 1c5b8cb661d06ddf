#include "daemon/refreshctl_watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/refreshctl_progress.h"
#include "daemon/refreshctl_text.h"

#define LOOK_EVERY_S 0.1
#define DRAW_EVERY_S 1.0
#define LOG_EVERY_S 60.0
#define RETURN_S 30.0 /* in which a refreshd that is started again is back */
#define FOUND_S 10.0  /* in which a peer knows what became of a run of its fleet */

#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"
#define CURSOR_HOME "\033[H"
#define ERASE_TO_LINE_END "\033[K"
#define ERASE_TO_SCREEN_END "\033[J"

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Without SA_RESTART: a sleep ends at once. */
static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaction(numbers[i], &action, NULL);
}

static unsigned terminal_width(unsigned *height)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    *height = known && size.ws_row > 0 ? size.ws_row : 24;
    return known ? size.ws_col : 80;
}

/* How many of the bytes fit into so many columns; never half a character. */
static size_t fitting(const char *text, size_t bytes, unsigned columns)
{
    for (size_t i = 0; i < bytes; i++)
        if (((unsigned char)text[i] & 0xC0) != 0x80 && columns-- == 0)
            return i;
    return bytes;
}

/* Each line is cut at the terminal's width as it is now, so a smaller window wraps nothing. */
static void draw_screen(const struct buffer *text)
{
    unsigned height, width = terminal_width(&height), drawn = 0;
    const char *at = (const char *)text->data, *end = at + text->used;
    (void)fputs(CURSOR_HOME, stdout);
    while (at < end && drawn + 1 < height) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline != NULL ? newline : end) - at);
        (void)fwrite(at, 1, fitting(at, length, width), stdout);
        (void)fputs(ERASE_TO_LINE_END "\r\n", stdout);
        at = newline != NULL ? newline + 1 : end;
        drawn++;
    }
    (void)fputs(ERASE_TO_SCREEN_END, stdout);
    (void)fflush(stdout);
}

static void draw_bar(const struct buffer *text)
{
    unsigned height, width = terminal_width(&height);
    (void)putchar('\r');
    (void)fwrite(text->data, 1, fitting((const char *)text->data, text->used, width - 1), stdout);
    (void)fputs(ERASE_TO_LINE_END, stdout);
    (void)fflush(stdout);
}

struct watch {
    enum watch_style style;
    double shown_at;
    double lost_at; /* since when the run is not to be found; 0 = it is */
    char state[32]; /* when it was shown */
    struct buffer text, shown;
};

static int show(struct watch *watch, const cJSON *status, struct error *err)
{
    buffer_clear(&watch->text);
    switch (watch->style) {
    case WATCH_QUIET:
        return 0;
    case WATCH_JSON: {
        char *json = cJSON_PrintUnformatted(status);
        if (json == NULL)
            return error_memory(err, "a line");
        (void)puts(json);
        free(json);
        (void)fflush(stdout);
        return 0;
    }
    case WATCH_SCREEN:
        if (progress_screen(status, &watch->text, err) != 0)
            return -1;
        draw_screen(&watch->text);
        return 0;
    case WATCH_BAR:
        if (progress_bar(progress_share(status), 24, &watch->text, err) != 0 ||
            buffer_append(&watch->text, " ", 1, err) != 0 ||
            progress_line(status, &watch->text, err) != 0)
            return -1;
        draw_bar(&watch->text);
        return 0;
    case WATCH_LINES:
    case WATCH_LOG:
        if (progress_line(status, &watch->text, err) != 0)
            return -1;
        if (watch->text.used == watch->shown.used &&
            memcmp(watch->text.data, watch->shown.data, watch->text.used) == 0)
            return 0;
        buffer_clear(&watch->shown);
        (void)printf("%.*s\n", (int)watch->text.used, (const char *)watch->text.data);
        (void)fflush(stdout);
        return buffer_append(&watch->shown, watch->text.data, watch->text.used, err);
    }
    return 0;
}

static void begin(const struct watch *watch)
{
    catch_interrupts();
    if (watch->style == WATCH_SCREEN)
        (void)fputs(SCREEN_ENTER, stdout);
}

static void end(const struct watch *watch)
{
    if (watch->style == WATCH_SCREEN)
        (void)fputs(SCREEN_LEAVE, stdout);
    if (watch->style == WATCH_BAR)
        (void)fputs("\r" ERASE_TO_LINE_END, stdout);
    (void)fflush(stdout);
}

static void wait_a_moment(void)
{
    struct timespec pause = {0, (long)(LOOK_EVERY_S * 1e9)};
    (void)nanosleep(&pause, NULL);
}

/* The status. A refreshd that is started again, by an upgrade or by the watchdog, goes on with the
 * run, so its return is waited for. */
static int ask(struct client *client, cJSON **status, struct error *err)
{
    double until = clock_monotonic() + RETURN_S;
    struct error away;
    int result = progress_status(client, status, err);
    while (result != 0 && err->code == ERROR_UNREACHABLE && !interrupted &&
           clock_monotonic() < until) {
        wait_a_moment();
        if (client_again(client, &away) == 0)
            result = progress_status(client, status, err);
    }
    return result;
}

/* The log does without the end, which the caller tells. */
static bool is_due(const struct watch *watch, const cJSON *status, bool over, double now)
{
    double age = now - watch->shown_at;
    if (watch->style == WATCH_LOG)
        return !over &&
               (age >= LOG_EVERY_S || strcmp(watch->state, member_text(status, "state")) != 0);
    return over || age >= DRAW_EVERY_S;
}

/* In a fleet a run may end elsewhere, and what came of it is known here a little later. A peer that
 * had no part in it never has it among its own. */
static enum progress_end be_patient(struct watch *watch, const cJSON *status, enum progress_end how,
                                    double now, int *exit)
{
    if (how != PROGRESS_LOST || !cJSON_IsObject(member(status, "fleet"))) {
        watch->lost_at = 0;
        return how;
    }
    if (watch->lost_at == 0)
        watch->lost_at = now;
    *exit = EXIT_FAILED;
    return now - watch->lost_at < FOUND_S ? PROGRESS_GOES_ON : PROGRESS_LOST;
}

/* 1 = goes on, 0 = over, -1 = error. */
static int look(struct watch *watch, struct client *client, char *run, size_t run_bytes, int *exit,
                cJSON **last, struct error *err)
{
    cJSON *status;
    if (ask(client, &status, err) != 0)
        return -1;
    cJSON_Delete(*last);
    *last = status;
    if (run[0] == '\0')
        (void)snprintf(run, run_bytes, "%s", member_text(status, "run"));
    enum progress_end how = PROGRESS_LOST;
    double now = clock_monotonic();
    if (run[0] != '\0')
        how = be_patient(watch, status, progress_end(status, run, exit), now, exit);
    bool over = how != PROGRESS_GOES_ON;
    if (is_due(watch, status, over, now) && (run[0] != '\0' || watch->style == WATCH_JSON)) {
        watch->shown_at = now;
        (void)snprintf(watch->state, sizeof watch->state, "%s", member_text(status, "state"));
        if (show(watch, status, err) != 0)
            return -1;
    }
    return !over;
}

int watch_run(struct client *client, const char *run, enum watch_style style, int *exit,
              cJSON **last, struct error *err)
{
    struct watch watch = {.style = style};
    char watched[64];
    int on;
    (void)snprintf(watched, sizeof watched, "%s", run);
    *exit = EXIT_DONE;
    *last = NULL;
    begin(&watch);
    while ((on = look(&watch, client, watched, sizeof watched, exit, last, err)) > 0) {
        wait_a_moment();
        if (interrupted) {
            on = error_set(err, ERROR_CANCELED, "interrupted; the run goes on");
            break;
        }
    }
    end(&watch);
    buffer_free(&watch.text);
    buffer_free(&watch.shown);
    if (on < 0) {
        cJSON_Delete(*last);
        *last = NULL;
    }
    return on;
}
