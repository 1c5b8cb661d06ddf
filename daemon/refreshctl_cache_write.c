/* refreshctl cache import and rollback: what changes the directory. refreshd does it when it runs;
 * otherwise we take the directory's lock. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cachefmt/generation.h"
#include "cachefmt/transfer.h"
#include "daemon/refreshctl_cache.h"
#include "daemon/refreshctl_text.h"

/* Who does the work: one of the two is set. */
struct writer_way {
    struct client *client;   /* refreshd does */
    struct cache_lock *lock; /* we do */
    const char *directory;
};

/* The socket in the line about a lock's holder ("refreshd 0.1.0 pid 12 socket /run/x.sock"). */
static const char *holder_socket(const char *holder)
{
    const char *word = strstr(holder, " socket ");
    return word != NULL ? word + strlen(" socket ") : NULL;
}

static int choose_way(struct session *session, struct writer_way *way, struct error *err)
{
    char me[64], holder[256] = "";
    way->directory = session_cache(session, err);
    if (way->directory == NULL)
        return -1;
    if (session->cache_directory == NULL) {
        struct error unreachable;
        if (session_connect(session, &way->client, &unreachable) == 0)
            return 0;
        way->client = NULL;
        if (unreachable.code != ERROR_UNREACHABLE) {
            *err = unreachable;
            return -1;
        }
    }
    (void)snprintf(me, sizeof me, "refreshctl " REFRESHD_VERSION " pid %ld", (long)getpid());
    if (cache_lock_acquire(&way->lock, way->directory, me, holder, err) == 0)
        return 0;
    const char *socket = err->code == ERROR_BUSY ? holder_socket(holder) : NULL;
    return socket != NULL ? client_open(&way->client, socket, err) : -1;
}

static void end_way(struct writer_way *way)
{
    client_close(way->client);
    cache_lock_release(way->lock);
}

struct import_words {
    const char *file, *format, *rejects;
    enum transfer_format kind;
    const char *name; /* of the input, for messages */
};

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static int choose_format(struct import_words *words, struct error *err)
{
    const char *format = words->format;
    if (format == NULL)
        format =
            ends_in(words->file, ".ndjson") || ends_in(words->file, ".jsonl") ? "ndjson" : "csv";
    if (!transfer_format_parse(format, &words->kind) || words->kind == FORMAT_GEOJSON)
        return error_set(err, ERROR_USAGE, "--format: %.40s is not csv or ndjson", format);
    return 0;
}

static volatile int stop;

static void on_interrupt(int number)
{
    (void)number;
    stop = 1;
}

static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static cJSON *import_document(const struct import_result *result)
{
    char digest[2 * PAIR_ID_BYTES + 1];
    cJSON *document = cJSON_CreateObject();
    cJSON_AddNumberToObject(document, "generation", (double)result->generation);
    cJSON_AddNumberToObject(document, "rows", (double)result->rows);
    cJSON_AddNumberToObject(document, "entries", (double)result->entries);
    cJSON_AddNumberToObject(document, "repeated", (double)result->repeated);
    cJSON_AddNumberToObject(document, "rejected", (double)result->rejected);
    cJSON_AddStringToObject(document, "digest", pair_id_format(&result->digest, digest));
    return document;
}

static int import_directly(struct session *session, const struct writer_way *way,
                           const struct import_words *words, int fd, FILE *rejects,
                           cJSON **document, struct error *err)
{
    struct import_result result;
    if (session_config(session, err) != 0)
        return -1;
    const struct config *config = session->config;
    struct import_options options = {.directory = way->directory,
                                     .grid = {config->cache.grid.rows, config->cache.grid.columns},
                                     .format = words->kind,
                                     .name = words->name,
                                     .rejects = rejects,
                                     .keep = config->cache.keep_generations,
                                     .stop = &stop};
    catch_interrupts();
    if (cache_import(&options, fd, &result, err) != 0)
        return -1;
    *document = import_document(&result);
    return 0;
}

static int copy_piece(void *context, const void *data, size_t bytes)
{
    return fwrite(data, 1, bytes, context) == bytes ? 0 : 1;
}

static int import_through(struct client *client, const struct import_words *words, int fd,
                          FILE *rejects, cJSON **document, struct error *err)
{
    cJSON *ready, *reply;
    cJSON *arguments = cJSON_CreateObject();
    cJSON_AddStringToObject(arguments, "format", words->kind == FORMAT_CSV ? "csv" : "ndjson");
    cJSON_AddStringToObject(arguments, "name", words->name);
    cJSON_AddBoolToObject(arguments, "skip_bad", rejects != NULL);
    if (client_call(client, "import", arguments, &ready, err) != 0)
        return -1;
    cJSON_Delete(ready);
    if (client_upload(client, fd, words->name, &reply, err) != 0)
        return -1;
    int copied = 0;
    if (rejects != NULL)
        copied = client_attached(client, (uint64_t)member_number(reply, "attached"), copy_piece,
                                 rejects, err);
    if (copied > 0)
        error_set(err, ERROR_IO, "cannot write the rejects: %s", strerror(errno));
    if (copied != 0) {
        cJSON_Delete(reply);
        return -1;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(reply, "ok");
    cJSON_DeleteItemFromObjectCaseSensitive(reply, "attached");
    *document = reply;
    return 0;
}

static int print_imported(const struct session *session, cJSON *document,
                          const struct import_words *words)
{
    double rejected = member_number(document, "rejected");
    int status = rejected > 0 ? EXIT_POINTS_FAILED : EXIT_DONE;
    if (session->json)
        return session_print(session, document, status);
    char rows[FIGURE_BYTES], entries[FIGURE_BYTES], repeated[FIGURE_BYTES], bad[FIGURE_BYTES];
    (void)printf("generation %.0f: %s entries out of %s rows, %s repeated, %s bad%s%s\n",
                 member_number(document, "generation"),
                 figure_count(member_number(document, "entries"), entries),
                 figure_count(member_number(document, "rows"), rows),
                 figure_count(member_number(document, "repeated"), repeated),
                 figure_count(rejected, bad), rejected > 0 ? ", listed in " : "",
                 rejected > 0 ? words->rejects : "");
    cJSON_Delete(document);
    return status;
}

static int import(struct session *session, const struct import_words *words, struct error *err)
{
    struct writer_way way = {0};
    FILE *rejects = NULL;
    cJSON *document = NULL;
    int result = -1;
    int fd = strcmp(words->file, "-") == 0 ? STDIN_FILENO : open(words->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_io(err, errno, "open", words->file);
    if (words->rejects != NULL && (rejects = fopen(words->rejects, "we")) == NULL) {
        error_io(err, errno, "open", words->rejects);
        goto out;
    }
    if (choose_way(session, &way, err) != 0)
        goto out;
    result = way.client != NULL
                 ? import_through(way.client, words, fd, rejects, &document, err)
                 : import_directly(session, &way, words, fd, rejects, &document, err);
out:
    end_way(&way);
    if (fd > STDIN_FILENO)
        (void)close(fd);
    if (rejects != NULL && fclose(rejects) != 0 && result == 0)
        result = error_io(err, errno, "write", words->rejects);
    if (result == 0)
        return print_imported(session, document, words);
    cJSON_Delete(document);
    return -1;
}

const struct command_option cache_import_options[] = {
    {"--format", "csv/ndjson", offsetof(struct import_words, format),
     "By default ndjson for names ending in .ndjson or .jsonl, else csv"},
    {"--skip-bad", "REJECTS", offsetof(struct import_words, rejects),
     "Write bad rows to this file, with line and reason, and go on"},
    {NULL, NULL, 0, NULL}};

int cache_run_import(struct session *session, int argc, char **argv)
{
    struct import_words words = {0};
    int status =
        session_words(session, argc, argv, cache_import_options, &words, &words.file, 1, 1, NULL);
    if (status != 0)
        return status;
    struct error err;
    words.name = strcmp(words.file, "-") == 0 ? "standard input" : words.file;
    if (choose_format(&words, &err) != 0)
        return session_fail(session, &err);
    status = import(session, &words, &err);
    return status >= 0 ? status : session_fail(session, &err);
}

static int roll_back(struct session *session, uint64_t to, uint64_t *now, struct error *err)
{
    struct writer_way way = {0};
    int result = choose_way(session, &way, err);
    if (result == 0 && way.client != NULL) {
        cJSON *arguments = cJSON_CreateObject(), *reply;
        if (to > 0)
            cJSON_AddNumberToObject(arguments, "generation", (double)to);
        result = client_call(way.client, "rollback", arguments, &reply, err);
        if (result == 0) {
            *now = (uint64_t)member_number(reply, "generation");
            cJSON_Delete(reply);
        }
    } else if (result == 0) {
        result = generation_rollback(way.directory, to, now, err);
    }
    end_way(&way);
    return result;
}

int cache_run_rollback(struct session *session, int argc, char **argv)
{
    const char *word = NULL;
    uint64_t to = 0, now = 0;
    int status = session_words(session, argc, argv, NULL, NULL, &word, 0, 1, NULL);
    if (status != 0)
        return status;
    if (word != NULL && (!text_parse_unsigned(word, 1ULL << 53, &to) || to == 0))
        return session_usage(session, "rollback: %.40s is not a generation", word);
    struct error err;
    if (roll_back(session, to, &now, &err) != 0)
        return session_fail(session, &err);
    if (!session->json) {
        (void)printf("generation %llu is published\n", (unsigned long long)now);
        return EXIT_DONE;
    }
    cJSON *document = cJSON_CreateObject();
    cJSON_AddNumberToObject(document, "generation", (double)now);
    return session_print(session, document, EXIT_DONE);
}
