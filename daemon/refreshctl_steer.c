/* refreshctl pause, resume, cancel, set, publish. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/refreshctl_progress.h"
#include "daemon/refreshctl_session.h"
#include "daemon/refreshctl_setting.h"
#include "daemon/refreshctl_text.h"

#define HEARD_S 15.0 /* in which every peer of a fleet has heard of a wish */

/* What a simple command says when it is done. */
static int say(struct session *session, const char *run, const char *what)
{
    if (!session->json) {
        (void)printf("run %s %s\n", run, what);
        return EXIT_DONE;
    }
    cJSON *document = cJSON_CreateObject();
    cJSON_AddStringToObject(document, "run", run);
    cJSON_AddStringToObject(document, "state", what);
    return session_print(session, document, EXIT_DONE);
}

/* Wait until the run is not active any more, or stands still for a person after so many seconds
 * (INFINITY: nobody minds that); *last is the status then. */
static int wait_gone(struct client *client, const char *run, double stand, cJSON **last,
                     struct error *err)
{
    struct timespec pause = {0, 20000000};
    double begin = clock_monotonic();
    for (;;) {
        cJSON *status;
        int exit;
        if (progress_status(client, &status, err) != 0)
            return -1;
        bool same = strcmp(member_text(status, "run"), run) == 0;
        if (!same || (clock_monotonic() - begin >= stand &&
                      progress_end(status, run, &exit) == PROGRESS_STOPPED)) {
            *last = status;
            return 0;
        }
        cJSON_Delete(status);
        (void)nanosleep(&pause, NULL);
    }
}

static int call_simply(struct session *session, int argc, char **argv, const char *command,
                       const char *what)
{
    int status = session_words(session, argc, argv, NULL, NULL, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    struct error err;
    struct client *client = NULL;
    cJSON *before = NULL, *reply = NULL;
    status = -1;
    if (session_connect(session, &client, &err) == 0 &&
        progress_status(client, &before, &err) == 0 &&
        client_call(client, command, NULL, &reply, &err) == 0)
        status = say(session, member_text(before, "run"), what);
    cJSON_Delete(before);
    cJSON_Delete(reply);
    client_close(client);
    return status >= 0 ? status : session_fail(session, &err);
}

static int run_pause(struct session *session, int argc, char **argv)
{
    return call_simply(session, argc, argv, "pause", "paused");
}

static int run_resume(struct session *session, int argc, char **argv)
{
    return call_simply(session, argc, argv, "resume", "resumed");
}

/* Done when the run is over, so that what comes next finds none. */
static int run_cancel(struct session *session, int argc, char **argv)
{
    int status = session_words(session, argc, argv, NULL, NULL, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    struct error err;
    struct client *client = NULL;
    cJSON *before = NULL, *reply = NULL, *last = NULL;
    status = -1;
    if (session_connect(session, &client, &err) == 0 &&
        progress_status(client, &before, &err) == 0 &&
        client_call(client, "cancel", NULL, &reply, &err) == 0 &&
        wait_gone(client, member_text(before, "run"), INFINITY, &last, &err) == 0)
        status = say(session, member_text(before, "run"), "cancelled");
    cJSON_Delete(before);
    cJSON_Delete(reply);
    cJSON_Delete(last);
    client_close(client);
    return status >= 0 ? status : session_fail(session, &err);
}

struct set_words {
    const char *rate, *workers, *finish_within, *concurrency;
};

static const struct command_option set_options[] = {
    {"rate=", "N", offsetof(struct set_words, rate), "Points per second; 0 = unlimited"},
    {"workers=", "N", offsetof(struct set_words, workers),
     "Threads that put questions to the geocoder"},
    {"finish_within=", "D", offsetof(struct set_words, finish_within),
     "Spread the run evenly over this time; 0 = as fast as it goes"},
    {"concurrency=", "N", offsetof(struct set_words, concurrency),
     "Requests in flight for each worker"},
    {NULL, NULL, 0, NULL}};

static int set_arguments(const struct set_words *words, cJSON *arguments, struct error *err)
{
    if (setting_add(arguments, "rate", "geocoder", "rate", words->rate, err) != 0 ||
        setting_add(arguments, "workers", "refresh", "workers", words->workers, err) != 0 ||
        setting_add(arguments, "finish_within", "refresh", "finish_within", words->finish_within,
                    err) != 0)
        return -1;
    return setting_add(arguments, "concurrency", "geocoder", "concurrency", words->concurrency,
                       err);
}

static int run_set(struct session *session, int argc, char **argv)
{
    struct set_words words = {0};
    int status = session_words(session, argc, argv, set_options, &words, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    if (argc == 0)
        return session_usage(session, "set: what? rate=N workers=N finish_within=D concurrency=N");
    struct error err;
    struct client *client = NULL;
    cJSON *arguments = cJSON_CreateObject(), *reply = NULL;
    status = set_arguments(&words, arguments, &err);
    if (status == 0)
        status = session_connect(session, &client, &err);
    if (status != 0)
        cJSON_Delete(arguments);
    else
        status = client_call(client, "set", arguments, &reply, &err);
    client_close(client);
    if (status != 0)
        return session_fail(session, &err);
    if (session->json) {
        cJSON_DeleteItemFromObjectCaseSensitive(reply, "ok");
        return session_print(session, reply, EXIT_DONE);
    }
    cJSON_Delete(reply);
    (void)puts("set");
    return EXIT_DONE;
}

static int publish(struct session *session, struct client *client, bool force, struct error *err)
{
    char run[64];
    cJSON *reply, *last = NULL;
    double stand = 0;
    cJSON *arguments = cJSON_CreateObject();
    cJSON_AddBoolToObject(arguments, "force", force);
    if (client_call(client, "publish", arguments, &reply, err) != 0)
        return -1;
    (void)snprintf(run, sizeof run, "%s", member_text(reply, "run"));
    cJSON_DeleteItemFromObjectCaseSensitive(reply, "ok");
    if (cJSON_IsTrue(member(reply, "held"))) {
        (void)fprintf(stderr, "refreshctl: run %s is still held: %s; publish --force overrides\n",
                      run, member_text(reply, "reason"));
        if (session->json)
            return session_print(session, reply, EXIT_HELD);
        cJSON_Delete(reply);
        return EXIT_HELD;
    }
    if (cJSON_IsTrue(member(reply, "fleet")))
        stand = HEARD_S;
    cJSON_Delete(reply);
    if (wait_gone(client, run, stand, &last, err) != 0)
        return -1;
    const cJSON *ended = member(last, "last_run");
    bool stands = strcmp(member_text(last, "run"), run) == 0;
    bool published = !stands && strcmp(member_text(ended, "result"), "published") == 0;
    if (!published)
        error_set(err, ERROR_STATE, "run %s was not published: %s", run,
                  member_text(stands ? last : ended, "reason"));
    cJSON_Delete(last);
    return published ? say(session, run, "published") : -1;
}

static const struct command_option publish_options[] = {
    {"--force", NULL, 0, "Publish it although the gate holds it"}, {NULL, NULL, 0, NULL}};

static int run_publish(struct session *session, int argc, char **argv)
{
    bool force = false;
    int status = session_words(session, argc, argv, publish_options, &force, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    struct error err;
    struct client *client = NULL;
    status = -1;
    if (session_connect(session, &client, &err) == 0)
        status = publish(session, client, force, &err);
    client_close(client);
    return status >= 0 ? status : session_fail(session, &err);
}

const struct subcommand steer_subcommands[] = {
    {"pause", "", NULL, "Pause the run",
     "Returns when nothing is in flight any more. The pause survives a restart of refreshd.",
     "pause", "0123", run_pause},
    {"resume", "", NULL, "Go on with a run that is paused",
     "Also when it paused itself: over the failure budget, for a full disk, a quota or a refused\n"
     "key. When the cause is still there the run pauses again.",
     "resume", "0123", run_resume},
    {"cancel", "", NULL, "Give the run up; the published cache stays as it was",
     "Answers of the run are dropped. Also drops a run that is held at the gate.", "cancel", "0123",
     run_cancel},
    {"set", "", set_options, "Change the active run at once",
     "The configuration stays as it is: the next run begins with what that says.",
     "set rate=50 workers=8", "0123", run_set},
    {"publish", "", publish_options, "Publish a run that is held at the gate",
     "Without --force the gate is asked again, with the limits that are in force now.",
     "publish --force", "01235", run_publish},
    {.name = NULL}};
