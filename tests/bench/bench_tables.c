/* What tables cost: nanoseconds per record that is looked at, all records in memory as the rebuild
 * of a tile has them, against what one would write or run instead for `sum[countrycode] of 1 when
 * changed`: a loop in C with a hash table, sqlite3 over an imported table, awk over a CSV file.
 *
 *   bench_tables [RECORDS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "quadtree/morton.h"
#include "tables/tally.h"

#define COUNTRIES 240U
#define CITIES 20000U
#define STREETS 400U
/* Records at a time, in the cache as what the rebuild of a tile has just read. */
#define BLOCK 64U
#define BLOCKS_LIMIT 20000U

struct record {
    struct entry entry, old;
    struct observed observed;
};

struct texts {
    char country[COUNTRIES][4];
    char city[CITIES][24];
    char label[2][STREETS][24];
};

static struct record records[BLOCK];
static size_t count;
static struct texts texts;

static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static double unit(uint64_t z)
{
    return (double)(mix(z) >> 11) * 0x1p-53;
}

static struct slice slice_of(const char *text)
{
    return (struct slice){text, (uint32_t)strlen(text)};
}

static void make_texts(void)
{
    for (unsigned i = 0; i < COUNTRIES; i++)
        (void)snprintf(texts.country[i], 4, "%c%c", 'a' + i / 26, 'a' + i % 26);
    for (unsigned i = 0; i < CITIES; i++)
        (void)snprintf(texts.city[i], 24, "Stadt am Fluss %u", i);
    for (unsigned which = 0; which < 2; which++)
        for (unsigned i = 0; i < STREETS; i++)
            (void)snprintf(texts.label[which][i], 24, "%c%u, \xFA", which ? 'N' : 'O', i);
}

static void set_address(struct address *address, const char *label, const char *city,
                        const char *country)
{
    memset(address, 0, sizeof *address);
    address->field[FIELD_LABEL] = slice_of(label);
    address->field[FIELD_CITY] = slice_of(city);
    address->field[FIELD_COUNTRYCODE] = slice_of(country);
}

/* Neighbours are mostly of one country and often of one city, as in the order of a tile; `changed`
 * of a thousand are changed. */
static void make_record(struct record *record, uint64_t number, unsigned changed)
{
    static const char *const providers[] = {"here", "photon", "nominatim"};
    static const char *const stations[] = {"geocode", "write", "rebuild"};
    uint64_t random = mix(number), area = mix(number / 300);
    unsigned country = (unsigned)(COUNTRIES * pow(unit(area), 3));
    unsigned city = (unsigned)(pow(CITIES, unit(mix(number / 4)))) - 1;
    struct entry *entry = &record->entry;
    entry->point = (struct point){(int32_t)(random % 1800000000) - 900000000,
                                  (int32_t)(random >> 32 & 0x3FFFFFFF)};
    entry->outcome = OUTCOME_FOUND;
    entry->refreshed_at = 1700000000;
    set_address(&entry->address, texts.label[1][random % STREETS], texts.city[city],
                texts.country[country]);
    record->old = *entry;
    record->old.address.field[FIELD_LABEL] = slice_of(texts.label[0][random % STREETS]);
    bool is_changed = random % 1000 < changed;
    record->observed = (struct observed){
        .tile = (uint32_t)(number / 140000),
        .code = morton_encode(entry->point),
        .entry = entry,
        .old = &record->old,
        .outcome = slice_of("found"),
        .judged = true,
        .changed = is_changed,
        .lost = is_changed && random % 7 == 0,
        .gained = is_changed && random % 7 == 1,
        .age_days = floor(unit(random) * 1500),
        .distance_m = 10 * unit(random + 1),
        .latency_ms = 20 * exp(2 * unit(area + number / 50) + unit(random + 2)),
        .status = 200,
        .attempts = 1,
        .bytes = 400,
        .provider = slice_of(providers[area % 3]),
        .peer = slice_of("alpha"),
        .bottleneck = slice_of(stations[area % 5 % 3]),
        .answered_s = (double)number / 1000,
        .geocode_ms = 30,
        .write_ms = 5,
        .rebuild_ms = 100,
    };
}

/* --- time: the median over blocks, so that what else the machine does is left out ------------- */

struct clocked {
    float *seconds; /* of each block */
    size_t blocks;
};

static void add_block(struct clocked *clocked, double seconds)
{
    if (clocked->seconds == NULL)
        clocked->seconds = malloc(BLOCKS_LIMIT * sizeof *clocked->seconds);
    if (clocked->seconds == NULL)
        exit(1);
    clocked->seconds[clocked->blocks++] = (float)seconds;
}

static int compare(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

/* nanoseconds a record. */
static double median(struct clocked *clocked)
{
    qsort(clocked->seconds, clocked->blocks, sizeof *clocked->seconds, compare);
    double middle = clocked->seconds[clocked->blocks / 2];
    free(clocked->seconds);
    return middle / BLOCK * 1e9;
}

/* --- tables ------------------------------------------------------------------------------- */

static void make_records(uint64_t first, unsigned changed)
{
    for (size_t i = 0; i < BLOCK; i++)
        make_record(&records[i], first + i, changed);
}

/* nanoseconds a record, of which `changed` in a thousand are changed. */
static double cost(const char *text, unsigned changed)
{
    struct error err;
    struct tables *tables;
    struct tally *tally;
    struct clocked clocked = {0};
    if (tables_parse(&tables, text, &err) != 0 || tally_create(&tally, tables, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    for (size_t first = 0; first < count; first += BLOCK) {
        make_records(first, changed);
        double start = clock_monotonic();
        for (size_t i = 0; i < BLOCK; i++)
            if (tally_take(tally, &records[i].observed, NULL) != 0)
                exit(1);
        add_block(&clocked, clock_monotonic() - start);
    }
    tally_free(tally);
    tables_free(tables);
    return median(&clocked);
}

/* --- what one would write ------------------------------------------------------------- */

struct slot {
    struct slice country;
    uint64_t sum;
};

static struct slot slots[1024];
static struct clocked loop;

static void loop_in_c(void)
{
    double start = clock_monotonic();
    for (size_t i = 0; i < BLOCK; i++) {
        const struct record *record = &records[i];
        struct slice country = record->entry.address.field[FIELD_COUNTRYCODE];
        if (!record->observed.changed || country.length == 0)
            continue;
        uint32_t hash = 2166136261U;
        for (uint32_t at = 0; at < country.length; at++)
            hash = (hash ^ (unsigned char)country.data[at]) * 16777619U;
        uint32_t at = hash & 1023;
        while (slots[at].country.length > 0 && !slice_equal(slots[at].country, country))
            at = (at + 1) & 1023;
        slots[at].country = country;
        slots[at].sum++;
    }
    add_block(&loop, clock_monotonic() - start);
}

static void write_csv(FILE *file)
{
    for (size_t i = 0; i < BLOCK; i++) {
        const struct address *address = &records[i].entry.address;
        (void)fprintf(file, "%s,%s,%d,%.3f\n", address->field[FIELD_COUNTRYCODE].data,
                      address->field[FIELD_CITY].data, records[i].observed.changed,
                      records[i].observed.latency_ms);
    }
}

/* Processor time of the command, nanoseconds a record; 0: there is no such program. */
static double run(const char *directory, const char *command)
{
    char line[1000];
    struct rusage before, after;
    (void)snprintf(line, sizeof line, "cd '%s' && %s >result", directory, command);
    (void)getrusage(RUSAGE_CHILDREN, &before);
    if (system(line) != 0)
        return 0;
    (void)getrusage(RUSAGE_CHILDREN, &after);
    double seconds = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
                     (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
                     (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) * 1e-6 +
                     (double)(after.ru_stime.tv_usec - before.ru_stime.tv_usec) * 1e-6;
    return seconds / (double)count * 1e9;
}

static void report(const char *name, double ours, double theirs)
{
    if (theirs > 0)
        (void)printf("BENCH %s ours=%.4g theirs=%.4g unit=ns/record ratio=%.3g\n", name, ours,
                     theirs, ours / theirs);
    (void)fflush(stdout);
}

static void against_others(const char *directory, double ours)
{
    report("tables_sum_against_loop_in_c", ours, median(&loop));
    if (run(directory, "sqlite3 db 'create table r (country text, city text, changed int, "
                       "latency real)' '.import --csv records.csv r'") > 0)
        report("tables_sum_against_sqlite3", ours,
               run(directory, "sqlite3 db 'select country, sum(1) from r where changed "
                              "group by country'"));
    report("tables_sum_against_awk", ours,
           run(directory, "awk -F, '$3 {n[$1]++} END {for (c in n) print c, n[c]}' records.csv"));
}

static void each_kind(void)
{
    static const char *const texts_of_tables[] = {
        "t = sum[countrycode] of 1",
        "t = count",
        "t = sum[countrycode] of latency_ms",
        "t = count[city]",
        "t = count[hour, bottleneck]",
        "t = mean[provider] of latency_ms",
        "t = maximum(10) of lat, lon weight latency_ms",
        "t = collection(1000) of city",
        "t = sample(20) of old_label, label, lat, lon",
        "t = quantile(101)[provider] of latency_ms",
        "t = top(20) of city",
        "t = unique of city",
        "t = unique of lat",
    };
    for (size_t i = 0; i < sizeof texts_of_tables / sizeof texts_of_tables[0]; i++)
        (void)printf("%-50s %6.1f ns/record\n", texts_of_tables[i], cost(texts_of_tables[i], 30));
}

int main(int argc, char **argv)
{
    char directory[] = "/tmp/refreshd-bench-tables.XXXXXX", path[64], rubbish[80];
    count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    count = (count < BLOCKS_LIMIT * BLOCK ? count : BLOCKS_LIMIT * BLOCK) / BLOCK * BLOCK;
    if (count == 0 || mkdtemp(directory) == NULL)
        return 1;
    (void)snprintf(path, sizeof path, "%s/records.csv", directory);
    (void)snprintf(rubbish, sizeof rubbish, "rm -r '%s'", directory);
    FILE *csv = fopen(path, "w");
    if (csv == NULL)
        return 1;
    make_texts();
    each_kind();
    (void)printf("the tables of a run, 3%% changed: %.1f ns/record, all changed: %.1f\n",
                 cost(tables_of_a_run, 30), cost(tables_of_a_run, 1000));
    for (size_t first = 0; first < count; first += BLOCK) {
        make_records(first, 30);
        loop_in_c();
        write_csv(csv);
    }
    if (fclose(csv) != 0)
        return 1;
    against_others(directory, cost("changed_by_country = sum[countrycode] of 1 when changed", 30));
    return system(rubbish) == 0 ? 0 : 1;
}
