/* library_client DIRECTORY POINTS THREADS: looks the points of a file (LAT LON in 1e-7 degree, one
 * a line) up without pause, in several threads, one by one and in batches. Every entry's street
 * must be "Street N" in generation N. Each line N of standard input is answered when generation N
 * is there; at its end the client stops and prints how many lookups, errors and switches it saw. It
 * is both C99 and C++11. */
#include <geocache.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POINTS_LIMIT 10000
#define BATCH 64
#define DEADLINE 60 /* seconds */

static struct geocache *cache;
static struct geocache_point points[POINTS_LIMIT];
static size_t point_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static int stopping;
static unsigned long lookups, errors;
static unsigned long fewest_switches = (unsigned long)-1;

struct worker {
    struct geocache_reader *reader;
    uint64_t generation;
    unsigned long lookups, errors, switches;
};

static int is_stopping(void)
{
    pthread_mutex_lock(&lock);
    int now = stopping;
    pthread_mutex_unlock(&lock);
    return now;
}

static void complain(struct worker *worker, const char *what)
{
    if (worker->errors++ == 0)
        fprintf(stderr, "generation %lu: %s\n", (unsigned long)worker->generation, what);
}

static void check(struct worker *worker, const struct geocache_result *result,
                  struct geocache_point point)
{
    char street[40], label[80];
    worker->lookups++;
    if (result->generation < worker->generation)
        complain(worker, "an older generation");
    worker->switches += result->generation != worker->generation;
    worker->generation = result->generation;
    snprintf(street, sizeof street, "Street %lu", (unsigned long)result->generation);
    snprintf(label, sizeof label, "%s %s, Oldland", geocache_text(result, GEOCACHE_HOUSENUMBER),
             street);
    if (result->status != GEOCACHE_HIT || result->lat_e7 != point.lat ||
        result->lon_e7 != point.lon)
        complain(worker, "not a hit at the point");
    else if (strcmp(geocache_text(result, GEOCACHE_STREET), street) != 0 ||
             strcmp(geocache_text(result, GEOCACHE_LABEL), label) != 0)
        complain(worker, geocache_text(result, GEOCACHE_LABEL));
}

static void look_up_singly(struct worker *worker, size_t first, size_t end)
{
    struct geocache_error error;
    const struct geocache_result *result;
    for (size_t i = first; i < end; i++) {
        if (geocache_lookup(worker->reader, points[i].lat / 1e7, points[i].lon / 1e7, 5.0, &result,
                            &error) == GEOCACHE_FAILED)
            complain(worker, error.message);
        else
            check(worker, result, points[i]);
    }
}

static void look_up_together(struct worker *worker, size_t first, size_t end)
{
    struct geocache_error error;
    if (geocache_lookup_batch(worker->reader, points + first, end - first, 5.0, &error) != 0) {
        complain(worker, error.message);
        return;
    }
    for (size_t i = first; i < end; i++)
        check(worker, geocache_batch_result(worker->reader, i - first), points[i]);
}

static void *work(void *argument)
{
    struct worker worker = {NULL, 0, 0, 0, 0};
    (void)argument;
    if (geocache_reader_open(&worker.reader, cache, NULL) != 0)
        return NULL;
    while (!is_stopping()) {
        for (size_t first = 0; first < point_count; first += BATCH) {
            size_t end = first + BATCH < point_count ? first + BATCH : point_count;
            look_up_singly(&worker, first, end);
            look_up_together(&worker, first, end);
        }
    }
    geocache_reader_close(worker.reader);
    pthread_mutex_lock(&lock);
    lookups += worker.lookups;
    errors += worker.errors;
    if (worker.switches < fewest_switches)
        fewest_switches = worker.switches;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void read_points(const char *path)
{
    long lat, lon;
    FILE *file = fopen(path, "r");
    while (file != NULL && point_count < POINTS_LIMIT && fscanf(file, "%ld %ld", &lat, &lon) == 2) {
        points[point_count].lat = (int32_t)lat;
        points[point_count++].lon = (int32_t)lon;
    }
    if (file != NULL)
        fclose(file);
}

/* Answer standard input as long as it lasts. */
static void answer(struct geocache_reader *reader)
{
    char line[40];
    while (fgets(line, sizeof line, stdin) != NULL) {
        unsigned long wanted = strtoul(line, NULL, 10);
        time_t until = time(NULL) + DEADLINE;
        while (geocache_info(reader)->generation != wanted && time(NULL) < until) {
            struct timespec pause = {0, 1000000};
            nanosleep(&pause, NULL);
        }
        printf("%lu\n", (unsigned long)geocache_info(reader)->generation);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    struct geocache_reader *reader;
    struct geocache_error error;
    pthread_t threads[16];
    if (argc != 4 || geocache_open(&cache, argv[1], 0, &error) != 0 ||
        geocache_reader_open(&reader, cache, &error) != 0) {
        fprintf(stderr, "library_client: %s\n", argc == 4 ? error.message : "usage");
        return 1;
    }
    read_points(argv[2]);
    int count = atoi(argv[3]);
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return 1;
    answer(reader);
    pthread_mutex_lock(&lock);
    stopping = 1;
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    geocache_reader_close(reader);
    geocache_close(cache);
    printf("%lu %lu %lu\n", lookups, errors, fewest_switches);
    return errors == 0 && lookups > 0 ? 0 : 1;
}
