#include "daemon/import_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cachefmt/transfer.h"
#include "daemon/commands.h"
#include "daemon/log.h"
#include "daemon/spool.h"
#include "daemon/steer.h"

/* Bytes on the way to the importing thread: above the first we stop reading, below the second we
 * go on. */
#define QUEUE_FULL ((size_t)1 << 20)
#define QUEUE_LOW ((size_t)256 << 10)

struct import {
    struct upload upload; /* first: what the server knows of us */
    struct daemon *daemon;
    struct connection *connection; /* NULL when it is gone or answered */
    struct protocol_frames frames;
    uv_pipe_t pipe; /* to the thread; closed when pipe_closing */
    bool pipe_closing, pipe_closed, held;
    bool worked; /* the thread is done */
    uv_work_t work;
    int read_fd;
    char *name;
    struct import_options options;
    volatile int stop;    /* options.stop points here */
    struct error aborted; /* why the loop stopped it */
    /* The thread's: */
    struct import_result result;
    struct error error;
    int failed;
    FILE *rejects;
};

struct piece {
    uv_write_t write;
    struct import *import;
    char bytes[];
};

bool import_refuses(const struct daemon *daemon, struct error *err)
{
    if (daemon->import == NULL)
        return false;
    error_set(err, ERROR_STATE, "an import is going on; try again when it is done");
    return true;
}

static void free_import(struct import *import)
{
    if (import->rejects != NULL)
        (void)fclose(import->rejects);
    if (import->read_fd >= 0)
        (void)close(import->read_fd);
    free(import->name);
    free(import);
}

int import_prepare(struct job *job)
{
    const cJSON *arguments = job->request.arguments;
    const char *format = "csv", *name = "standard input";
    bool skip_bad = false;
    struct error *err = &job->error;
    struct import *import = calloc(1, sizeof *import);
    if (import == NULL)
        return error_memory(err, "an import");
    import->read_fd = -1;
    if (protocol_text(arguments, "format", &format, err) < 0 ||
        protocol_text(arguments, "name", &name, err) < 0 ||
        protocol_flag(arguments, "skip_bad", &skip_bad, err) < 0)
        goto fail;
    struct import_options *options = &import->options;
    if (!transfer_format_parse(format, &options->format) || options->format == FORMAT_GEOJSON) {
        error_set(err, ERROR_USAGE, "format is csv or ndjson, not %.40s", format);
        goto fail;
    }
    if (steer_is_active(job->daemon)) {
        error_set(err, ERROR_STATE,
                  "a run is active; let it end or `refreshctl cancel` it before an import");
        goto fail;
    }
    import->name = strdup(name);
    if (import->name == NULL) {
        error_memory(err, "an import");
        goto fail;
    }
    const struct config *config = job->daemon->started;
    import->rejects = skip_bad ? spool_open(config->refresh.state_directory, err) : NULL;
    if (skip_bad && import->rejects == NULL)
        goto fail;
    options->directory = config->cache.directory;
    options->grid = (struct grid){config->cache.grid.rows, config->cache.grid.columns};
    options->name = import->name;
    options->rejects = import->rejects;
    options->keep = config->cache.keep_generations;
    job->data = import;
    return 0;
fail:
    free_import(import);
    return -1;
}

static void maybe_free(struct import *import)
{
    if (import->pipe_closed && import->worked)
        free_import(import);
}

static void on_pipe_closed(uv_handle_t *handle)
{
    struct import *import = handle->data;
    import->pipe_closed = true;
    maybe_free(import);
}

static void close_pipe(struct import *import)
{
    if (import->pipe_closing)
        return;
    import->pipe_closing = true;
    uv_close((uv_handle_t *)&import->pipe, on_pipe_closed);
}

/* The stop flag is up before the pipe ends, so a cut input is never taken for a whole one. */
static void stop_import(struct import *import, const struct error *why)
{
    if (!import->stop)
        import->aborted = *why;
    __atomic_store_n(&import->stop, 1, __ATOMIC_RELEASE);
    close_pipe(import);
}

static void work(uv_work_t *request)
{
    struct import *import = request->data;
    import->failed =
        cache_import(&import->options, import->read_fd, &import->result, &import->error);
    (void)close(import->read_fd); /* so that the loop stops writing */
    import->read_fd = -1;
}

static int fill_reply(struct job *job, const struct import *import)
{
    const struct import_result *result = &import->result;
    char digest[2 * PAIR_ID_BYTES + 1];
    if (command_ok(job) != 0 ||
        command_add(job, "generation", cJSON_CreateNumber((double)result->generation)) != 0 ||
        command_add(job, "rows", cJSON_CreateNumber((double)result->rows)) != 0 ||
        command_add(job, "entries", cJSON_CreateNumber((double)result->entries)) != 0 ||
        command_add(job, "repeated", cJSON_CreateNumber((double)result->repeated)) != 0 ||
        command_add(job, "rejected", cJSON_CreateNumber((double)result->rejected)) != 0 ||
        command_add(job, "digest", cJSON_CreateString(pair_id_format(&result->digest, digest))) !=
            0)
        return -1;
    return command_add(job, "attached", cJSON_CreateNumber((double)job->attached));
}

static int finish(struct job *job)
{
    struct import *import = job->data;
    line_vacate(job->daemon->line);
    if (import->failed) {
        bool ours = import->error.code == ERROR_CANCELED && import->stop;
        job->error = ours ? import->aborted : import->error;
        return -1;
    }
    FILE *rejects = import->rejects;
    import->rejects = NULL;
    if (rejects != NULL && spool_finish(rejects, &job->spool, &job->attached, &job->error) != 0)
        return -1;
    return fill_reply(job, import);
}

static void finished(struct job *job)
{
    struct import *import = job->data;
    struct daemon *daemon = job->daemon;
    if (import->failed)
        log_failure(LOG_LEVEL_WARNING, "import_failed", &job->error);
    else
        log_event(LOG_LEVEL_INFO, "imported", "generation=%llu entries=%llu rejected=%llu",
                  (unsigned long long)import->result.generation,
                  (unsigned long long)import->result.entries,
                  (unsigned long long)import->result.rejected);
    job->connection = import->connection;
    import->connection = NULL;
    job_answer(job);
    daemon->import = NULL;
    import->worked = true;
    close_pipe(import);
    maybe_free(import);
}

/* The rest is a job, because it needs the line for itself. */
static void after_work(uv_work_t *request, int status)
{
    struct import *import = request->data;
    struct daemon *daemon = import->daemon;
    if (status < 0)
        import->failed = error_set(&import->error, ERROR_CANCELED, "refreshd is stopping");
    struct job *job = job_create(daemon, finish, finished);
    if (job != NULL) {
        job->data = import;
        job_add(job);
        return;
    }
    struct job lost = {.daemon = daemon, .result = -1, .spool = -1, .data = import};
    error_memory(&lost.error, "a reply");
    line_vacate(daemon->line);
    finished(&lost);
}

static void on_written(uv_write_t *write, int status)
{
    struct piece *piece = (struct piece *)write;
    struct import *import = piece->import;
    free(piece);
    if (status < 0 || import->pipe_closing)
        return;
    size_t queued = uv_stream_get_write_queue_size((uv_stream_t *)&import->pipe);
    if (import->frames.ended && queued == 0) {
        close_pipe(import);
    } else if (import->held && queued < QUEUE_LOW && import->connection != NULL) {
        import->held = false;
        connection_hold(import->connection, false);
    }
}

static int pass_on(struct import *import, const unsigned char *data, size_t length,
                   struct error *err)
{
    struct piece *piece = malloc(sizeof *piece + length);
    if (piece == NULL)
        return error_memory(err, "an import");
    piece->import = import;
    memcpy(piece->bytes, data, length);
    uv_buf_t bytes = uv_buf_init(piece->bytes, (unsigned)length);
    if (uv_write(&piece->write, (uv_stream_t *)&import->pipe, &bytes, 1, on_written) != 0)
        free(piece);
    return 0;
}

static void on_bytes(struct upload *upload, const unsigned char *data, size_t length)
{
    struct import *import = (struct import *)upload;
    const unsigned char *piece;
    size_t piece_length;
    struct error err;
    int got;
    while ((got = protocol_frames_next(&import->frames, &data, &length, &piece, &piece_length,
                                       &err)) > 0) {
        if (!import->pipe_closing && pass_on(import, piece, piece_length, &err) != 0) {
            got = -1;
            break;
        }
    }
    if (got < 0) {
        stop_import(import, &err);
        return;
    }
    if (import->pipe_closing)
        return;
    size_t queued = uv_stream_get_write_queue_size((uv_stream_t *)&import->pipe);
    if (import->frames.ended && queued == 0) {
        close_pipe(import);
    } else if (queued > QUEUE_FULL && import->connection != NULL) {
        import->held = true;
        connection_hold(import->connection, true);
    }
}

static void on_gone(struct upload *upload)
{
    struct import *import = (struct import *)upload;
    struct error err;
    import->connection = NULL;
    error_set(&err, ERROR_CANCELED, "the client went away before the import was done");
    stop_import(import, &err);
}

static int open_pipe(struct import *import, uv_loop_t *loop, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_io(err, errno, "make", "a pipe");
    (void)uv_pipe_init(loop, &import->pipe, 0);
    import->pipe.data = import;
    int status = uv_pipe_open(&import->pipe, ends[1]);
    if (status != 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        import->worked = true;
        close_pipe(import);
        return error_set(err, ERROR_IO, "cannot make a pipe: %s", uv_strerror(status));
    }
    import->read_fd = ends[0];
    return 0;
}

void import_begin(struct job *job)
{
    struct daemon *daemon = job->daemon;
    struct import *import = job->result == 0 ? job->data : NULL;
    if (import == NULL) {
        job_answer(job);
        return;
    }
    import->daemon = daemon;
    import->options.stop = &import->stop;
    import->work.data = import;
    import->upload.bytes = on_bytes;
    import->upload.gone = on_gone;
    if (daemon->stopping)
        job->result = error_set(&job->error, ERROR_STATE, "refreshd is stopping");
    else
        job->result = command_ok(job);
    if (job->result == 0)
        job->result = line_occupy(daemon->line, "an import is going on", &job->error);
    if (job->result == 0) {
        job->result = open_pipe(import, &daemon->loop, &job->error);
        if (job->result != 0)
            line_vacate(daemon->line);
    }
    if (job->result != 0) {
        if (!import->pipe_closing)
            free_import(import);
        job_answer(job);
        return;
    }
    daemon->import = import;
    import->connection = job->connection;
    job->connection = NULL;
    (void)uv_queue_work(&daemon->loop, &import->work, work, after_work);
    connection_upload(import->connection, &import->upload, job->reply);
    job->reply = NULL;
}

void import_cancel(struct daemon *daemon)
{
    struct error err;
    error_set(&err, ERROR_STATE, "refreshd is stopping; the import was given up");
    if (daemon->import != NULL)
        stop_import(daemon->import, &err);
}
