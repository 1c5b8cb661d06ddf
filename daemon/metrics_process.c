/* What the kernel says of this process, as Prometheus clients report it (proc(5)). */
#include "daemon/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Fields of /proc/self/stat by their number in proc(5). */
enum { STAT_THREADS = 20, STAT_VIRTUAL = 23, STAT_RESIDENT = 24 };

static bool read_stat(unsigned long long fields[STAT_RESIDENT + 1])
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL)
        return false;
    size_t length = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[length] = '\0';
    const char *at = strrchr(text, ')'); /* the name may hold anything */
    if (at == NULL)
        return false;
    at += 2; /* field 3, a letter */
    for (unsigned field = 3; field <= STAT_RESIDENT; field++) {
        if (field > 3 && sscanf(at, "%llu", &fields[field]) != 1)
            fields[field] = 0;
        at = strchr(at, ' ');
        if (at == NULL)
            return false;
        at++;
    }
    return true;
}

static uint64_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint64_t count = 0;
    if (directory == NULL)
        return 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    (void)closedir(directory);
    return count - 1; /* the directory itself */
}

void metrics_process(struct metrics_process *out)
{
    unsigned long long fields[STAT_RESIDENT + 1] = {0};
    struct timespec cpu = {0};
    struct rlimit limit = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    *out = (struct metrics_process){
        .cpu_seconds = (double)cpu.tv_sec + (double)cpu.tv_nsec * 1e-9,
        .descriptors = count_descriptors(),
        .descriptors_most = limit.rlim_cur,
    };
    if (!read_stat(fields))
        return;
    out->threads = fields[STAT_THREADS];
    out->virtual_bytes = fields[STAT_VIRTUAL];
    out->resident_bytes = fields[STAT_RESIDENT] * (uint64_t)sysconf(_SC_PAGESIZE);
}
