/* Size and speed of pairs: made-up but real-looking addresses ("12 Oakfield Road, Bramley, West
 * Norland, Eastmark"), streets that belong to their city, cities of every size over 24 x 24 tiles.
 *
 *   bench_pair [ENTRIES] [lines|scattered] [DIRECTORY]
 *
 * lines: a street is a line with its houses along it, as on a map. scattered: every point of a city
 * is on a random street of it, which is the hardest case for the columns. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cachefmt/pair_builder.h"
#include "quadtree/morton.h"

#define CITIES 40000u
#define HOUSES_PER_STREET 25u
#define NUMBERS 320u

static const struct grid world = {24, 24};

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

struct city {
    struct point centre;
    uint32_t tile;
    uint32_t houses;
    uint32_t seed;
};

struct house {
    uint64_t code;
    uint32_t city;   /* of the tile's list */
    uint32_t street; /* of the tile */
    uint32_t number;
    uint32_t date;
};

struct text {
    char bytes[46];
    uint8_t length;
};

struct tile {
    struct house *houses;
    size_t count, room;
    struct text *streets;
    size_t street_count, street_room;
};

#define READS 1000000u

struct read {
    uint32_t pair, row;
};

struct reading {
    struct pair **pair;
    size_t pairs;
    struct read read[READS];
};

struct totals {
    uint64_t entries, index_bytes, data_bytes, text_bytes;
    double add_seconds, commit_seconds;
    uint32_t tiles;
};

static void make_word(struct text *out, uint64_t seed, unsigned syllables, const char *suffix)
{
    static const char *const parts[] = {"bra",  "nor", "wick", "ham", "le",  "ton", "stan", "mor",
                                        "el",   "ash", "ford", "bur", "an",  "mid", "gran", "ver",
                                        "sel",  "by",  "oak",  "hol", "ri",  "den", "kirk", "tal",
                                        "mont", "or",  "pen",  "sa",  "wes", "lin", "cas",  "dor"};
    unsigned used = 0;
    for (unsigned i = 0; i < syllables; i++) {
        const char *part = parts[mix(seed * 31 + i) % 32];
        for (; *part != '\0'; part++)
            out->bytes[used++] = *part;
    }
    out->bytes[0] = (char)(out->bytes[0] - 'a' + 'A');
    for (; *suffix != '\0'; suffix++)
        out->bytes[used++] = *suffix;
    out->length = (uint8_t)used;
}

static struct slice slice_of(const struct text *text)
{
    return (struct slice){text->bytes, text->length};
}

static int32_t clamp(double value, int32_t least, int32_t most)
{
    return value < least ? least : value > most ? most : (int32_t)value;
}

/* Cities cluster in some tiles and have sizes after Zipf. */
static struct city *make_cities(uint64_t entries)
{
    struct city *cities = calloc(CITIES, sizeof *cities);
    double sum = 0;
    for (uint32_t i = 0; i < CITIES; i++)
        sum += 1.0 / (i + 60.0);
    for (uint32_t i = 0; i < CITIES; i++) {
        uint64_t region = mix(i) % 400; /* centres of settlement, dense and sparse ones */
        double lat = -45 + 105 * unit(region * 7 + 1) + 9 * (unit(i * 3ULL) + unit(i * 5ULL) - 1);
        double lon =
            -170 + 340 * unit(region * 7 + 2) + 12 * (unit(i * 7ULL) + unit(i * 11ULL) - 1);
        cities[i].centre.lat = clamp(lat * 1e7, -890000000, 890000000);
        cities[i].centre.lon = clamp(lon * 1e7, -1790000000, 1790000000);
        cities[i].tile = grid_tile(world, cities[i].centre);
        cities[i].houses = 1 + (uint32_t)((double)entries / (i + 60.0) / sum);
        cities[i].seed = i;
    }
    return cities;
}

static struct house *more_houses(struct tile *tile)
{
    if (tile->count == tile->room) {
        tile->room = tile->room == 0 ? 4096 : tile->room * 2;
        tile->houses = realloc(tile->houses, tile->room * sizeof *tile->houses);
    }
    return &tile->houses[tile->count++];
}

static uint32_t more_streets(struct tile *tile, uint64_t seed)
{
    static const char *const kinds[] = {" Road", " Street", " Lane", " Avenue", " Close", " Way"};
    if (tile->street_count == tile->street_room) {
        tile->street_room = tile->street_room == 0 ? 4096 : tile->street_room * 2;
        tile->streets = realloc(tile->streets, tile->street_room * sizeof *tile->streets);
    }
    make_word(&tile->streets[tile->street_count], seed, 2 + mix(seed) % 2,
              kinds[mix(seed + 1) % 6]);
    return (uint32_t)tile->street_count++;
}

static void make_houses(struct tile *tile, const struct city *city, uint32_t number, bool lines,
                        struct box box)
{
    uint32_t streets = 1 + city->houses / HOUSES_PER_STREET;
    uint32_t first = (uint32_t)tile->street_count;
    double size = 12000 * sqrt((double)city->houses); /* half a side, 1e-7 degree */
    uint64_t seed = (uint64_t)city->seed << 32;
    for (uint32_t s = 0; s < streets; s++)
        (void)more_streets(tile, seed + s);
    for (uint32_t h = 0; h < city->houses; h++) {
        uint32_t street = (uint32_t)(mix(seed + h) % streets);
        double x = 2 * unit(seed + h * 2ULL + 1) - 1;
        double y = 2 * unit(seed + h * 2ULL + 2) - 1;
        uint32_t house = 1 + (uint32_t)(mix(seed + h * 3ULL) % (NUMBERS - 20));
        if (lines) {
            double angle = mix(seed + street) % 2 == 0 ? 0 : 1.5708;
            double along = (double)house * 1500 - 240000;
            x = (2 * unit(seed + street * 5ULL) - 1) + cos(angle) * along / size;
            y = (2 * unit(seed + street * 7ULL) - 1) + sin(angle) * along / size;
            x += (unit(seed + h) - 0.5) * 2500 / size;
            y += (unit(seed + h + 9) - 0.5) * 2500 / size;
        }
        struct point point = {clamp(city->centre.lat + y * size, box.south, box.north),
                              clamp(city->centre.lon + x * size, box.west, box.east)};
        *more_houses(tile) = (struct house){.code = morton_encode(point),
                                            .city = number,
                                            .street = first + street,
                                            .number = house};
    }
}

static int compare_houses(const void *a, const void *b)
{
    uint64_t x = ((const struct house *)a)->code;
    uint64_t y = ((const struct house *)b)->code;
    return x < y ? -1 : x > y;
}

static int die(const struct error *err)
{
    (void)fprintf(stderr, "bench_pair: %s\n", err->message);
    exit(1);
}

struct names {
    struct text *cities, *states, *countries; /* by city */
    struct text numbers[NUMBERS];
};

static void make_entry(struct entry *entry, const struct house *house, const struct tile *tile,
                       const struct names *names)
{
    static const char label[] = "\xf7 \xf8, \xfa, \xfc, \xfe";
    struct slice *field = entry->address.field;
    entry->point = morton_decode(house->code);
    entry->refreshed_at = house->date;
    field[FIELD_HOUSENUMBER] = slice_of(&names->numbers[house->number]);
    field[FIELD_STREET] = slice_of(&tile->streets[house->street]);
    field[FIELD_CITY] = slice_of(&names->cities[house->city]);
    field[FIELD_STATE] = slice_of(&names->states[house->city]);
    field[FIELD_COUNTRY] = slice_of(&names->countries[house->city]);
    field[FIELD_LABEL] = (struct slice){label, sizeof label - 1};
}

static void path_of(char *out, size_t room, const char *directory, uint32_t tile, const char *kind)
{
    (void)snprintf(out, room, "%s/%03u.1.%s", directory, tile, kind);
}

static void build_tile(struct tile *tile, uint32_t id, const struct names *names,
                       const char *directory, struct totals *totals)
{
    char index[300], data[300];
    struct pair_builder *builder;
    struct pair_info info;
    struct error err;
    struct entry entry = {.outcome = OUTCOME_FOUND};
    qsort(tile->houses, tile->count, sizeof *tile->houses, compare_houses);
    for (size_t i = 0; i < tile->count; i++)
        tile->houses[i].date = 1795000000u + (uint32_t)(i / 40);
    path_of(index, sizeof index, directory, id, "idx");
    path_of(data, sizeof data, directory, id, "dat");
    if (pair_builder_create(&builder, index, data, world, id, &err) != 0)
        die(&err);
    double start = clock_monotonic();
    uint64_t text = 0;
    for (size_t i = 0; i < tile->count; i++) {
        if (i > 0 && tile->houses[i].code == tile->houses[i - 1].code)
            continue;
        make_entry(&entry, &tile->houses[i], tile, names);
        if (pair_builder_add(builder, &entry, &err) != 0)
            die(&err);
        const struct slice *field = entry.address.field;
        text += 7 + field[FIELD_HOUSENUMBER].length + field[FIELD_STREET].length +
                field[FIELD_CITY].length + field[FIELD_STATE].length + field[FIELD_COUNTRY].length;
    }
    totals->add_seconds += clock_monotonic() - start;
    start = clock_monotonic();
    if (pair_builder_commit(builder, &info, &err) != 0)
        die(&err);
    totals->commit_seconds += clock_monotonic() - start;
    totals->tiles++;
    totals->entries += info.entries;
    totals->index_bytes += info.index_bytes;
    totals->data_bytes += info.data_bytes;
    totals->text_bytes += text;
}

static struct names *make_names(const struct city *cities)
{
    struct names *names = calloc(1, sizeof *names);
    names->cities = calloc(CITIES, sizeof *names->cities);
    names->states = calloc(CITIES, sizeof *names->states);
    names->countries = calloc(CITIES, sizeof *names->countries);
    for (uint32_t i = 0; i < CITIES; i++) {
        uint32_t country = cities[i].tile / 5;
        uint32_t state = country * 16 + (uint32_t)(cities[i].centre.lat / 20000000 & 15);
        make_word(&names->cities[i], i + 1000000ULL, 3, "");
        make_word(&names->states[i], state + 2000000ULL, 3, "");
        make_word(&names->countries[i], country + 3000000ULL, 2, "land");
    }
    for (uint32_t i = 0; i < NUMBERS; i++)
        names->numbers[i].length =
            (uint8_t)snprintf(names->numbers[i].bytes, sizeof names->numbers[i].bytes, "%u", i);
    return names;
}

static void build_all(uint64_t entries, bool lines, const char *directory, struct totals *totals)
{
    struct city *cities = make_cities(entries);
    struct names *names = make_names(cities);
    for (uint32_t id = 0; id < grid_tiles(world); id++) {
        struct tile tile = {0};
        for (uint32_t i = 0; i < CITIES; i++) {
            if (cities[i].tile == id)
                make_houses(&tile, &cities[i], i, lines, grid_tile_box(world, id));
        }
        if (tile.count > 0)
            build_tile(&tile, id, names, directory, totals);
        free(tile.houses);
        free(tile.streets);
    }
    free(names->cities);
    free(names->states);
    free(names->countries);
    free(names);
    free(cities);
}

static size_t open_all(const char *directory, struct pair **pairs)
{
    char index[300], data[300];
    struct error err;
    size_t count = 0;
    for (uint32_t id = 0; id < grid_tiles(world); id++) {
        path_of(index, sizeof index, directory, id, "idx");
        path_of(data, sizeof data, directory, id, "dat");
        if (access(index, F_OK) == 0 && pair_open(&pairs[count++], index, data, &err) != 0)
            die(&err);
    }
    return count;
}

/* Best of a few passes, in ns for each of `count` steps: other work on the machine only adds. */
static double best_of(double (*pass)(const struct reading *), const struct reading *reading,
                      uint64_t count)
{
    double best = INFINITY;
    for (int i = 0; i < 5; i++) {
        double taken = pass(reading);
        best = taken < best ? taken : best;
    }
    return best * 1e9 / (double)count;
}

static double pass_walk(const struct reading *reading)
{
    struct entry entry;
    struct pair_cursor cursor;
    volatile uint64_t sum = 0;
    double start = clock_monotonic();
    for (size_t p = 0; p < reading->pairs; p++) {
        pair_walk(&cursor, reading->pair[p], 0);
        while (pair_next(&cursor, &entry, NULL) == 1)
            sum += entry.address.field[FIELD_STREET].length;
    }
    return clock_monotonic() - start;
}

static double pass_dates(const struct reading *reading)
{
    struct entry entry;
    struct pair_cursor cursor;
    volatile uint64_t sum = 0;
    double start = clock_monotonic();
    for (size_t p = 0; p < reading->pairs; p++) {
        pair_walk(&cursor, reading->pair[p], 0);
        while (pair_next_date(&cursor, &entry, NULL) == 1)
            sum += entry.refreshed_at;
    }
    return clock_monotonic() - start;
}

static double pass_random(const struct reading *reading)
{
    struct entry entry;
    volatile uint64_t sum = 0;
    double start = clock_monotonic();
    for (size_t i = 0; i < READS; i++) {
        (void)pair_entry(reading->pair[reading->read[i].pair], reading->read[i].row, &entry, NULL);
        sum += entry.address.field[FIELD_STREET].length;
    }
    return clock_monotonic() - start;
}

/* Random rows, each row of all pairs as likely as any other. */
static void choose_reads(struct reading *reading, uint64_t entries)
{
    uint64_t first[576], end = 0;
    for (size_t p = 0; p < reading->pairs; p++) {
        first[p] = end;
        end += pair_info(reading->pair[p])->entries;
    }
    for (uint32_t i = 0; i < READS; i++) {
        uint64_t row = mix(i) % entries;
        size_t low = 0, high = reading->pairs;
        while (high - low > 1) {
            size_t middle = (low + high) / 2;
            *(first[middle] <= row ? &low : &high) = middle;
        }
        reading->read[i] = (struct read){(uint32_t)low, (uint32_t)(row - first[low])};
    }
}

static void measure_reading(struct pair **pairs, size_t count, uint64_t entries)
{
    struct error err;
    double start = clock_monotonic();
    for (size_t p = 0; p < count; p++) {
        if (pair_verify(pairs[p], true, &err) != 0)
            die(&err);
    }
    double checked = clock_monotonic() - start;
    struct reading *reading = calloc(1, sizeof *reading);
    reading->pair = pairs;
    reading->pairs = count;
    choose_reads(reading, entries);
    printf("deep verify %.1f ns, walk %.1f ns, dates %.1f ns, random decode %.1f ns an entry\n",
           checked * 1e9 / (double)entries, best_of(pass_walk, reading, entries),
           best_of(pass_dates, reading, entries), best_of(pass_random, reading, READS));
    free(reading);
}

/* What a refresh does with each tile: walk the old pair, build the new one. */
static void measure_rebuild(struct pair **pairs, size_t count, const char *directory,
                            uint64_t entries)
{
    struct error err;
    double add = 0, commit = 0;
    for (size_t p = 0; p < count; p++) {
        uint32_t id = pair_info(pairs[p])->tile;
        char index[300], data[300];
        struct pair_builder *builder;
        struct pair_cursor cursor;
        struct pair_info info;
        struct entry entry;
        path_of(index, sizeof index, directory, id, "idx");
        path_of(data, sizeof data, directory, id, "dat");
        double start = clock_monotonic();
        if (pair_builder_create(&builder, index, data, world, id, &err) != 0)
            die(&err);
        pair_walk(&cursor, pairs[p], 0);
        while (pair_next(&cursor, &entry, &err) == 1) {
            if (pair_builder_add(builder, &entry, &err) != 0)
                die(&err);
        }
        add += clock_monotonic() - start;
        start = clock_monotonic();
        if (pair_builder_commit(builder, &info, &err) != 0)
            die(&err);
        commit += clock_monotonic() - start;
        if (memcmp(&info.id, &pair_info(pairs[p])->id, sizeof info.id) != 0)
            (void)fprintf(stderr, "bench_pair: a rebuilt pair differs\n");
    }
    printf("rebuild: walk and add %.1f ns, commit with fsync %.1f ns an entry\n",
           add * 1e9 / (double)entries, commit * 1e9 / (double)entries);
}

static void measure_opening(const char *directory, uint32_t tiles, uint64_t entries)
{
    struct pair *pairs[576];
    double best = 1e9;
    size_t count = 0;
    for (int pass = 0; pass < 5; pass++) {
        double start = clock_monotonic();
        count = open_all(directory, pairs);
        double taken = clock_monotonic() - start;
        best = taken < best ? taken : best;
        if (pass < 4) {
            for (size_t p = 0; p < count; p++)
                pair_close(pairs[p]);
        }
    }
    double all = best * 1e3 * 576 / tiles;
    printf("BENCH pair_open_576 ours=%.3f theirs=20 unit=ms ratio=%.3f\n", all, all / 20);
    measure_reading(pairs, count, entries);
    measure_rebuild(pairs, count, directory, entries);
    for (size_t p = 0; p < count; p++)
        pair_close(pairs[p]);
}

static void remove_all(const char *directory)
{
    char path[300];
    for (uint32_t id = 0; id < grid_tiles(world); id++) {
        path_of(path, sizeof path, directory, id, "idx");
        (void)unlink(path);
        path_of(path, sizeof path, directory, id, "dat");
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

int main(int argc, char **argv)
{
    uint64_t entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    bool lines = argc <= 2 || strcmp(argv[2], "lines") == 0;
    char directory[200];
    (void)snprintf(directory, sizeof directory, "%.100s/bench-pair-XXXXXX",
                   argc > 3 ? argv[3] : "/tmp");
    struct totals totals = {0};
    struct rusage usage;
    if (mkdtemp(directory) == NULL)
        return 1;
    build_all(entries, lines, directory, &totals);
    double n = (double)totals.entries;
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("%s: %llu entries in %u pairs, text %.1f bytes an entry; add %.1f ns, commit %.1f ns\n",
           lines ? "lines" : "scattered", (unsigned long long)totals.entries, totals.tiles,
           (double)totals.text_bytes / n, totals.add_seconds * 1e9 / n,
           totals.commit_seconds * 1e9 / n);
    double index = (double)totals.index_bytes / n;
    double data = (double)totals.data_bytes / n;
    measure_opening(directory, totals.tiles, totals.entries);
    printf("BENCH pair_index_bytes ours=%.3f theirs=9.2 unit=bytes_per_entry ratio=%.3f\n", index,
           index / 9.2);
    printf("BENCH pair_data_bytes ours=%.3f theirs=10 unit=bytes_per_entry ratio=%.3f\n", data,
           data / 10);
    remove_all(directory);
    return 0;
}
