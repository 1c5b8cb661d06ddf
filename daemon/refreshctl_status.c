/* refreshctl status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/refreshctl_progress.h"
#include "daemon/refreshctl_session.h"
#include "daemon/refreshctl_text.h"
#include "daemon/refreshctl_watch.h"

static int print_screen(const cJSON *status, struct error *err)
{
    struct buffer text = {0};
    int result = progress_screen(status, &text, err);
    if (result == 0)
        (void)fwrite(text.data, 1, text.used, stdout);
    buffer_free(&text);
    return result;
}

static int show_once(struct session *session, struct client *client, struct error *err)
{
    cJSON *status;
    if (progress_status(client, &status, err) != 0)
        return -1;
    if (session->json)
        return session_print(session, status, EXIT_DONE);
    int result = print_screen(status, err);
    cJSON_Delete(status);
    return result;
}

static int watch(struct session *session, struct client *client, struct error *err)
{
    cJSON *last = NULL;
    int exit = EXIT_DONE;
    enum watch_style style = session->json           ? WATCH_JSON
                             : isatty(STDOUT_FILENO) ? WATCH_SCREEN
                                                     : WATCH_LINES;
    if (watch_run(client, "", style, &exit, &last, err) != 0)
        return err->code == ERROR_CANCELED ? EXIT_DONE : -1;
    int result = session->json ? 0 : print_screen(last, err);
    cJSON_Delete(last);
    return result != 0 ? -1 : exit;
}

static const struct command_option status_options[] = {
    {"--watch", NULL, 0, "Follow the run until it ends or stops for a person"},
    {NULL, NULL, 0, NULL}};

static int run_status(struct session *session, int argc, char **argv)
{
    bool watching = false;
    int status = session_words(session, argc, argv, status_options, &watching, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    struct error err;
    struct client *client;
    if (session_connect(session, &client, &err) != 0)
        return session_fail(session, &err);
    status = watching ? watch(session, client, &err) : show_once(session, client, &err);
    client_close(client);
    return status >= 0 ? status : session_fail(session, &err);
}

const struct subcommand status_subcommands[] = {
    {"status", "", status_options, "Show state, progress, rate, stations and failures",
     "One screen: the state and its reason, a bar, points, rate, expected end, the stations with\n"
     "the bottleneck named, failures by cause. --watch exits as `start --wait` does.",
     "status --watch", "012345", run_status},
    {.name = NULL}};
