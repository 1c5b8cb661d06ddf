/* refreshctl peers. */
#include "daemon/refreshctl_peers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/refreshctl_progress.h"
#include "daemon/refreshctl_session.h"
#include "daemon/refreshctl_text.h"

#define DIGEST_DIGITS 8
#define ODD_CLOCK 1.0 /* seconds */

static int widest_name(const cJSON *peers)
{
    const cJSON *peer;
    size_t widest = strlen("NAME");
    cJSON_ArrayForEach(peer, peers)
    {
        size_t length = strlen(member_text(peer, "name"));
        widest = length > widest ? length : widest;
    }
    return (int)widest;
}

static const char *share(const cJSON *peer, const char *name, double total, char out[FIGURE_BYTES])
{
    if (total <= 0)
        return "-";
    (void)snprintf(out, FIGURE_BYTES, "%.0f%%", 100 * member_number(peer, name) / total);
    return out;
}

static const char *lag(const cJSON *peer, char out[32])
{
    if (cJSON_IsTrue(member(peer, "self")))
        return "-";
    return text_format_duration(member_number(peer, "lag_s"), out);
}

static int append_peer(const cJSON *peer, double files, int width, struct buffer *out,
                       struct error *err)
{
    char generation[FIGURE_BYTES], done[FIGURE_BYTES], held[FIGURE_BYTES], seen[FIGURE_BYTES];
    char silent[32];
    const char *digest = member_text(peer, "digest"), *state = member_text(peer, "state");
    return append_format(out, err, "%-*s %c %10s %5s %5s %8s %-19s %-4s %-8.*s %s\n", width,
                         member_text(peer, "name"), cJSON_IsTrue(member(peer, "self")) ? '*' : ' ',
                         figure_count(member_number(peer, "generation"), generation),
                         share(peer, "point_files_done", files, done),
                         share(peer, "point_files_held", files, held), lag(peer, silent),
                         figure_date(member_number(peer, "last_seen"), seen),
                         cJSON_IsTrue(member(peer, "live")) ? "yes" : "no", DIGEST_DIGITS,
                         digest[0] != '\0' ? digest : "-", state[0] != '\0' ? state : "-");
}

static int append_oddities(const cJSON *peer, struct buffer *out, struct error *err)
{
    const char *name = member_text(peer, "name"), *differs = member_text(peer, "differs");
    double ahead = member_number(peer, "clock_ahead_s");
    char seconds[32];
    if (differs[0] != '\0' && append_format(out, err, "%s differs: %s\n", name, differs) != 0)
        return -1;
    if (fabs(ahead) < ODD_CLOCK)
        return 0;
    return append_format(out, err, "%s: its clock is %s %s\n", name,
                         text_format_duration(fabs(ahead), seconds),
                         ahead > 0 ? "ahead of ours" : "behind ours");
}

int peers_table(const cJSON *reply, struct buffer *out, struct error *err)
{
    const cJSON *peers = member(reply, "peers"), *peer;
    double files = member_number(reply, "point_files");
    int width = widest_name(peers);
    if (append_format(out, err, "%-*s   %10s %5s %5s %8s %-19s %-4s %-8s %s\n", width, "NAME",
                      "GENERATION", "DONE", "HELD", "LAG", "LAST SEEN", "LIVE", "DIGEST",
                      "STATE") != 0)
        return -1;
    cJSON_ArrayForEach(peer, peers)
    {
        if (append_peer(peer, files, width, out, err) != 0)
            return -1;
    }
    cJSON_ArrayForEach(peer, peers)
    {
        if (append_oddities(peer, out, err) != 0)
            return -1;
    }
    return 0;
}

static int print_table(const cJSON *reply, struct error *err)
{
    struct buffer text = {0};
    if (cJSON_IsNull(member(reply, "fleet"))) {
        (void)puts("no fleet is configured ([peers] endpoints is empty): this server is alone");
        return 0;
    }
    int result = peers_table(reply, &text, err);
    if (result == 0)
        (void)fwrite(text.data, 1, text.used, stdout);
    buffer_free(&text);
    return result;
}

static int run_peers(struct session *session, int argc, char **argv)
{
    int status = session_words(session, argc, argv, NULL, NULL, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    struct error err;
    struct client *client = NULL;
    cJSON *reply = NULL;
    status = session_connect(session, &client, &err);
    if (status == 0)
        status = client_call(client, "peers", NULL, &reply, &err);
    client_close(client);
    if (status != 0)
        return session_fail(session, &err);
    if (session->json)
        status = session_print(session, cJSON_DetachItemFromObjectCaseSensitive(reply, "peers"),
                               EXIT_DONE);
    else
        status = print_table(reply, &err) == 0 ? EXIT_DONE : session_fail(session, &err);
    cJSON_Delete(reply);
    return status;
}

const struct subcommand peers_subcommands[] = {
    {"peers", "", NULL, "List the peers of the fleet",
     "For each its generation; the share of the run's point files that it has asked for (DONE)\n"
     "and whose answers it has (HELD); how long ago it was heard of; whether it is live; the\n"
     "first digits of its generation's digest, which are the same when the addresses are. Lines\n"
     "below the table tell of settings that differ and of clocks that are off. The * is this\n"
     "server. A server alone has no peers, which is no error.",
     "peers", "0123", run_peers},
    {.name = NULL}};
