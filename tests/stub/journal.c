#include "tests/stub/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/stub/emit.h"

int journal_open(struct journal *journal, const char *path)
{
    *journal = (struct journal){.fd = -1};
    if (path == NULL)
        return 0;
    journal->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return journal->fd < 0 ? -1 : 0;
}

void journal_add(struct journal *journal, unsigned long long connection, const char *client,
                 const char *fault, const struct rows *rows)
{
    journal->requests++;
    journal->points += rows->count;
    journal->faults += fault != NULL;
    if (journal->fd < 0)
        return;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    buffer_clear(&journal->line);
    emit(&journal->line, "%llu %llu %llu %s ",
         (unsigned long long)now.tv_sec * 1000000000u + (unsigned long long)now.tv_nsec,
         journal->requests, connection, fault == NULL ? "-" : fault);
    for (size_t i = 0; i < rows->count; i++)
        emit(&journal->line, "%s%d,%d", i > 0 ? ";" : "", rows->row[i].point.lat,
             rows->row[i].point.lon);
    emit(&journal->line, " %s\n", client);
    if (write(journal->fd, journal->line.data, journal->line.used) != (ssize_t)journal->line.used) {
        perror("stub_geocoder: log");
        exit(1);
    }
}

void journal_keep(struct journal *journal, const struct request *request)
{
    buffer_clear(&journal->last);
    emit_bytes(&journal->last, request->whole.at, request->whole.length);
}

void journal_stats(const struct journal *journal, struct buffer *out)
{
    emit(out,
         "{\"requests\":%llu,\"points\":%llu,\"faults\":%llu,\"connections\":%llu,"
         "\"open_connections\":%llu,\"secure_connections\":%llu,\"http2_connections\":%llu}\n",
         journal->requests, journal->points, journal->faults, journal->connections,
         journal->open_connections, journal->secure, journal->http2);
}

void journal_close(struct journal *journal)
{
    if (journal->fd >= 0)
        (void)close(journal->fd);
    buffer_free(&journal->line);
    buffer_free(&journal->last);
}
