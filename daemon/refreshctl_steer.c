/* refreshctl pause, resume, cancel, set, publish. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/refreshctl_progress.h"
#include "daemon/refreshctl_session.h"
#include "daemon/refreshctl_setting.h"
#include "daemon/refreshctl_text.h"

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

/* Wait until the run is not active any more, or (when stand is true) stands still for a person;
 * *last is the status then. */
static int wait_gone(struct client *client, const char *run, bool stand, cJSON **last,
                     struct error *err)
{
    struct timespec pause = {0, 20000000};
    for (;;) {
        cJSON *status;
        int exit;
        if (progress_status(client, &status, err) != 0)
            return -1;
        bool same = strcmp(member_text(status, "run"), run) == 0;
        if (!same || (stand && progress_end(status, run, &exit) == PROGRESS_STOPPED)) {
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
    const struct option_word known[] = {{NULL, NULL, NULL}};
    int status = session_words(session, argc, argv, known, NULL, 0, 0, NULL);
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
    const struct option_word known[] = {{NULL, NULL, NULL}};
    int status = session_words(session, argc, argv, known, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    struct error err;
    struct client *client = NULL;
    cJSON *before = NULL, *reply = NULL, *last = NULL;
    status = -1;
    if (session_connect(session, &client, &err) == 0 &&
        progress_status(client, &before, &err) == 0 &&
        client_call(client, "cancel", NULL, &reply, &err) == 0 &&
        wait_gone(client, member_text(before, "run"), false, &last, &err) == 0)
        status = say(session, member_text(before, "run"), "cancelled");
    cJSON_Delete(before);
    cJSON_Delete(reply);
    cJSON_Delete(last);
    client_close(client);
    return status >= 0 ? status : session_fail(session, &err);
}

static int add_pair(cJSON *arguments, const char *word, struct error *err)
{
    static const struct {
        const char *section, *name;
    } settings[] = {{"geocoder", "rate"},
                    {"refresh", "workers"},
                    {"refresh", "finish_within"},
                    {"geocoder", "concurrency"}};
    const char *equals = strchr(word, '=');
    for (size_t i = 0; equals != NULL && i < sizeof settings / sizeof settings[0]; i++) {
        const char *name = settings[i].name;
        if (strlen(name) == (size_t)(equals - word) && strncmp(name, word, strlen(name)) == 0) {
            cJSON_DeleteItemFromObjectCaseSensitive(arguments, name);
            return setting_add(arguments, name, settings[i].section, name, equals + 1, err);
        }
    }
    return error_set(err, ERROR_USAGE,
                     "set: %.60s is not one of rate=N workers=N finish_within=D concurrency=N",
                     word);
}

static int run_set(struct session *session, int argc, char **argv)
{
    const char *words[8];
    int count;
    const struct option_word known[] = {{NULL, NULL, NULL}};
    int status = session_words(session, argc, argv, known, words, 1, 8, &count);
    if (status != 0)
        return status;
    struct error err;
    struct client *client = NULL;
    cJSON *arguments = cJSON_CreateObject(), *reply = NULL;
    status = 0;
    for (int i = 0; i < count && status == 0; i++)
        status = add_pair(arguments, words[i], &err);
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
    cJSON_Delete(reply);
    if (wait_gone(client, run, true, &last, err) != 0)
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

static int run_publish(struct session *session, int argc, char **argv)
{
    bool force = false;
    const struct option_word known[] = {{"--force", NULL, &force}, {NULL, NULL, NULL}};
    int status = session_words(session, argc, argv, known, NULL, 0, 0, NULL);
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
    {"pause", "", "Pause the run; returns when nothing is in flight any more", "pause", run_pause},
    {"resume", "", "Go on with a paused run", "resume", run_resume},
    {"cancel", "", "Give the run up; the published cache stays as it was", "cancel", run_cancel},
    {"set", "[rate=N] [workers=N] [finish_within=D] [concurrency=N]",
     "Change the active run at once", "set rate=50 workers=8", run_set},
    {"publish", "[--force]", "Publish a run that is held at the gate", "publish --force",
     run_publish},
    {NULL, NULL, NULL, NULL, NULL}};
