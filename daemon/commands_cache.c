/* Commands that change the cache while the daemon holds its lock; the import is in import_job.c. */
#include "daemon/commands.h"
#include "daemon/log.h"
#include "daemon/steer.h"

int command_rollback(struct job *job)
{
    uint64_t to = 0, now = 0;
    struct daemon *daemon = job->daemon;
    if (protocol_whole(job->request.arguments, "generation", 1, 1ULL << 53, &to, &job->error) < 0)
        return -1;
    if (steer_is_active(daemon))
        return error_set(&job->error, ERROR_STATE,
                         "a run is active; let it end or `refreshctl cancel` it before a rollback");
    if (line_occupy(daemon->line, "a rollback is going on", &job->error) != 0)
        return -1;
    int result = generation_rollback(daemon->started->cache.directory, to, &now, &job->error);
    line_vacate(daemon->line);
    if (result != 0)
        return -1;
    log_event(LOG_LEVEL_INFO, "rolled_back", "generation=%llu", (unsigned long long)now);
    return command_ok(job) != 0 ? -1
                                : command_add(job, "generation", cJSON_CreateNumber((double)now));
}
