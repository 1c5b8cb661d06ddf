#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cachefmt/generation.h"
#include "cachefmt/transfer.h"

struct fixture {
    char directory[64];
    struct import_options options;
    struct import_result result;
    struct error err;
    char *rejects;
    size_t rejects_bytes;
};

static void set_up(struct fixture *f, enum transfer_format format)
{
    memset(f, 0, sizeof *f);
    const char *parent = getenv("TMPDIR");
    (void)snprintf(f->directory, sizeof f->directory, "%s/test-import-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    assert_non_null(mkdtemp(f->directory));
    f->options = (struct import_options){.directory = f->directory,
                                         .grid = {24, 24},
                                         .format = format,
                                         .name = format == FORMAT_CSV ? "x.csv" : "x.ndjson",
                                         .keep = 2};
}

static unsigned count_files(const char *directory, bool remove_them)
{
    DIR *opened = opendir(directory);
    struct dirent *name;
    unsigned count = 0;
    assert_non_null(opened);
    while ((name = readdir(opened)) != NULL) {
        char path[400];
        if (name->d_name[0] == '.')
            continue;
        count++;
        snprintf(path, sizeof path, "%s/%s", directory, name->d_name);
        if (remove_them)
            unlink(path);
    }
    closedir(opened);
    return count;
}

static void tear_down(struct fixture *f)
{
    count_files(f->directory, true);
    assert_int_equal(rmdir(f->directory), 0);
    free(f->rejects);
}

static int import_bytes(struct fixture *f, const char *text, size_t bytes)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, bytes), bytes);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    int result = cache_import(&f->options, fd, &f->result, &f->err);
    close(fd);
    return result;
}

static void import_good(struct fixture *f, const char *text, size_t bytes)
{
    if (import_bytes(f, text, bytes) != 0)
        fail_msg("%s", f->err.message);
}

static int import_collecting(struct fixture *f, const char *text)
{
    free(f->rejects);
    f->rejects = NULL;
    f->options.rejects = open_memstream(&f->rejects, &f->rejects_bytes);
    assert_non_null(f->options.rejects);
    int result = import_bytes(f, text, strlen(text));
    fclose(f->options.rejects);
    f->options.rejects = NULL;
    return result;
}

static char *export_bytes(struct fixture *f, const struct export_options *options, size_t *bytes)
{
    struct cache *cache;
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    assert_non_null(out);
    if (cache_open(&cache, f->directory, NULL, &f->err) != 0 ||
        cache_export(cache, options, out, &f->err) != 0)
        fail_msg("%s", f->err.message);
    cache_close(cache);
    fclose(out);
    return text;
}

static void check_export(struct fixture *f, const struct export_options *options,
                         const char *expected)
{
    size_t bytes;
    char *text = export_bytes(f, options, &bytes);
    if (strcmp(text, expected) != 0)
        fail_msg("exported:\n%s\nexpected:\n%s", text, expected);
    free(text);
}

#define HEADER                                                                                     \
    "lat,lon,label,name,housenumber,street,district,city,county,state,postcode,country,"           \
    "countrycode,outcome,refreshed_at\n"

static const char nasty_csv[] = HEADER
    "-90,-180,,,,,,,,,,,,unsure,0\n"
    "-33.1234567,-70.0000001,\" a\"\"b\"\", c\nd \r\n\",\"\"\"\",,,,,,,,,,found,4294967295\n"
    "0,0,\"\r\",,,,,,,,,,,found,5\n"
    "51.3811,-2.359,\"1 High Street, Bath, England\",,1,High Street,,Bath,,England,,,gb,found,"
    "1700000000\n"
    "51.3811001,-2.359,\"K\xC3\xB6ln, \xF0\x9F\x98\x80\",  x "
    ",'1',\t,,;,|,{},[],\\n,\"\"\"x\",unsure,1\n"
    "90,179.9999999,,,,,,,,,,,,none,1700000000\n";

static const char nasty_ndjson[] =
    "{\"lat\":-90,\"lon\":-180,\"outcome\":\"unsure\",\"refreshed_at\":0}\n"
    "{\"lat\":-33.1234567,\"lon\":-70.0000001,\"label\":\" a\\\"b\\\", c\\nd \\r\\n\","
    "\"name\":\"\\\"\",\"outcome\":\"found\",\"refreshed_at\":4294967295}\n"
    "{\"lat\":0,\"lon\":0,\"label\":\"\\r\",\"outcome\":\"found\",\"refreshed_at\":5}\n"
    "{\"lat\":51.3811,\"lon\":-2.359,\"label\":\"1 High Street, Bath, England\","
    "\"housenumber\":\"1\",\"street\":\"High Street\",\"city\":\"Bath\",\"state\":\"England\","
    "\"countrycode\":\"gb\",\"outcome\":\"found\",\"refreshed_at\":1700000000}\n"
    "{\"lat\":51.3811001,\"lon\":-2.359,\"label\":\"K\xC3\xB6ln, \xF0\x9F\x98\x80\","
    "\"name\":\"  x \",\"housenumber\":\"'1'\",\"street\":\"\\t\",\"city\":\";\",\"county\":\"|\","
    "\"state\":\"{}\",\"postcode\":\"[]\",\"country\":\"\\\\n\",\"countrycode\":\"\\\"x\","
    "\"outcome\":\"unsure\",\"refreshed_at\":1}\n"
    "{\"lat\":90,\"lon\":179.9999999,\"outcome\":\"none\",\"refreshed_at\":1700000000}\n";

/* What was imported is exported byte by byte, in either format, and gives the same digest. */
static void same_bytes(void **state)
{
    (void)state;
    struct fixture f;
    struct export_options csv = {.format = FORMAT_CSV, .tile = -1};
    struct export_options ndjson = {.format = FORMAT_NDJSON, .tile = -1};
    set_up(&f, FORMAT_CSV);
    import_good(&f, nasty_csv, sizeof nasty_csv - 1);
    assert_int_equal(f.result.generation, 1);
    assert_int_equal(f.result.rows, 6);
    assert_int_equal(f.result.entries, 6);
    struct pair_id digest = f.result.digest;
    check_export(&f, &csv, nasty_csv);
    check_export(&f, &ndjson, nasty_ndjson);
    f.options.format = FORMAT_NDJSON;
    import_good(&f, nasty_ndjson, sizeof nasty_ndjson - 1);
    assert_int_equal(f.result.generation, 2);
    assert_memory_equal(&f.result.digest, &digest, sizeof digest);
    check_export(&f, &csv, nasty_csv);
    tear_down(&f);
}

static void geojson(void **state)
{
    (void)state;
    static const char text[] = "lon,lat,city,outcome\n-2.359,51.3811,\"B\"\"\",found\n0,10,,none\n";
    struct fixture f;
    struct export_options options = {.format = FORMAT_GEOJSON, .tile = -1};
    set_up(&f, FORMAT_CSV);
    import_good(&f, text, sizeof text - 1);
    check_export(
        &f, &options,
        "{\"type\":\"FeatureCollection\",\"features\":[\n"
        "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[0,10]},"
        "\"properties\":{\"outcome\":\"none\",\"refreshed_at\":0}},\n"
        "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[-2.359,51.3811]},"
        "\"properties\":{\"city\":\"B\\\"\",\"outcome\":\"found\",\"refreshed_at\":0}}\n]}\n");
    options.tile = 3;
    check_export(&f, &options, "{\"type\":\"FeatureCollection\",\"features\":[\n]}\n");
    tear_down(&f);
}

static void repeated_points(void **state)
{
    (void)state;
    static const char text[] = "lat,lon,city,refreshed_at\n"
                               "1,1,old,5\n1,1,newest,9\n1,1,older,7\n"
                               "2,180,first,3\n2,-180,second,3\n";
    struct fixture f;
    struct export_options options = {.format = FORMAT_CSV, .tile = -1};
    set_up(&f, FORMAT_CSV);
    import_good(&f, text, sizeof text - 1);
    assert_int_equal(f.result.rows, 5);
    assert_int_equal(f.result.entries, 2);
    assert_int_equal(f.result.repeated, 3);
    check_export(&f, &options,
                 HEADER "2,-180,,,,,,second,,,,,,found,3\n"
                        "1,1,,,,,,newest,,,,,,found,9\n");
    tear_down(&f);
}

static void refusals(void **state)
{
    (void)state;
    static const char *const samples[][2] = {
        {"lat,lon\n1,2\n91,2\n", "x.csv line 3 column 1 (lat): 91 is beyond 90"},
        {"lat,lon\n1,2\n\n1,nan\n", "x.csv line 4 column 2 (lon): \"nan\" is not a number"},
        {"lat,lon,label\n1,2\n", "x.csv line 2 column 3 (label): missing"},
        {"lat,lon,label\n1,2,\"a\n\nb\"\n1,2,\xff\n",
         "x.csv line 5 column 3 (label): the field is"},
        {"lat,lon,colour\n1,2,3\n", "x.csv line 1 column 3: unknown column \"colour\""},
        {"lat,lon\n", "x.csv has no rows"},
        {"", "x.csv is empty"},
    };
    struct fixture f;
    set_up(&f, FORMAT_CSV);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        assert_int_equal(import_bytes(&f, samples[i][0], strlen(samples[i][0])), -1);
        assert_int_equal(f.err.code, ERROR_VALUE);
        if (strncmp(f.err.message, samples[i][1], strlen(samples[i][1])) != 0)
            fail_msg("\"%s\" is not \"%s\"", f.err.message, samples[i][1]);
        assert_int_equal(count_files(f.directory, false), 0);
    }
    f.options.format = FORMAT_GEOJSON;
    assert_int_equal(import_bytes(&f, "{}", 2), -1);
    assert_int_equal(f.err.code, ERROR_USAGE);
    f.options.format = FORMAT_NDJSON;
    f.options.name = "x.ndjson";
    static const char ndjson[] = "{\"lat\":1,\"lon\":2}\n{\"lat\":1,\"lon\":181}\n";
    assert_int_equal(import_bytes(&f, ndjson, sizeof ndjson - 1), -1);
    assert_string_equal(f.err.message, "x.ndjson line 2, lon: 181 is beyond 180");
    static const char missing[] = "{\"lat\":1}\n";
    assert_int_equal(import_bytes(&f, missing, sizeof missing - 1), -1);
    assert_string_equal(f.err.message, "x.ndjson line 1, lon: the coordinate is missing");
    tear_down(&f);
}

static void bad_rows_skipped(void **state)
{
    (void)state;
    struct fixture f;
    struct export_options options = {.format = FORMAT_CSV, .tile = -1};
    set_up(&f, FORMAT_CSV);
    assert_int_equal(import_collecting(&f, "lat,lon,city\n1,1,a\n91,1,\"x\"\"\ny\"\n1,2,\xff\n"
                                           "1,3,\"open\n1,4,b\n"),
                     0);
    assert_int_equal(f.result.rows, 5);
    assert_int_equal(f.result.rejected, 3);
    assert_int_equal(f.result.entries, 2);
    check_export(&f, &options, HEADER "1,1,,,,,,a,,,,,,found,0\n1,4,,,,,,b,,,,,,found,0\n");
    assert_string_equal(f.rejects,
                        "line,reason,row\n"
                        "3,\"column 1 (lat): 91 is beyond 90\",\"91,1,\"\"x\"\"\"\"\ny\"\"\"\n"
                        "5,\"column 3 (city): the field is not valid UTF-8\",\"1,2,\xEF\xBF\xBD\"\n"
                        "6,\"column 3 (city): the quote that opens the field is never closed\","
                        "\"1,3,\"\"open\"\n");
    assert_int_equal(import_collecting(&f, "lat,lon\n1,2\n"), 0);
    assert_string_equal(f.rejects, "");
    assert_int_equal(import_collecting(&f, "lat,lon\n91,2\n"), -1);
    assert_non_null(strstr(f.err.message, "no good rows"));
    tear_down(&f);
}

static uint64_t next_random(uint64_t *random)
{
    *random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
    return *random >> 33;
}

/* Many rows in shuffled order: through the disk and in memory alike, and back in order. */
static void disk_and_memory_agree(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t random = 3;
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    fprintf(out, "lat,lon,label,housenumber,street,city,refreshed_at\n");
    for (unsigned i = 0; i < 60000; i++) {
        unsigned number = (unsigned)(next_random(&random) % 200);
        unsigned street = (unsigned)(next_random(&random) % 500);
        fprintf(out, "%.5f,%.5f,\"%u Street %u, City\",%u,Street %u,City,%u\n",
                (double)(next_random(&random) % 1800000) / 1e4 - 90,
                (double)(next_random(&random) % 3600000) / 1e4 - 180, number, street, number,
                street, (unsigned)(next_random(&random) % 1000));
    }
    fclose(out);
    set_up(&f, FORMAT_CSV);
    f.options.memory = 1;
    import_good(&f, text, bytes);
    struct pair_id digest = f.result.digest;
    uint64_t entries = f.result.entries;
    f.options.memory = 0;
    import_good(&f, text, bytes);
    assert_int_equal(f.result.entries, entries);
    assert_memory_equal(&f.result.digest, &digest, sizeof digest);
    free(text);
    struct export_options options = {.format = FORMAT_CSV, .tile = -1};
    text = export_bytes(&f, &options, &bytes);
    import_good(&f, text, bytes);
    assert_memory_equal(&f.result.digest, &digest, sizeof digest);
    free(text);
    tear_down(&f);
}

static void stopped(void **state)
{
    (void)state;
    struct fixture f;
    volatile int stop = 1;
    char text[20000] = "lat,lon\n";
    size_t used = strlen(text);
    while (used + 20 < sizeof text)
        used += (size_t)snprintf(text + used, 20, "1,%zu.%zu\n", used % 179, used);
    set_up(&f, FORMAT_CSV);
    f.options.stop = &stop;
    assert_int_equal(import_bytes(&f, text, used), -1);
    assert_int_equal(f.err.code, ERROR_CANCELED);
    text[used++] = 'x'; /* a bad row that is not reached */
    assert_int_equal(import_bytes(&f, text, used), -1);
    assert_int_equal(f.err.code, ERROR_CANCELED);
    assert_int_equal(count_files(f.directory, false), 0);
    tear_down(&f);
}

/* A failure while pairs are being built leaves what was published, and no file more. */
static void failure_keeps_the_old(void **state)
{
    (void)state;
    struct fixture f;
    static const char first[] = "lat,lon,city\n1,1,a\n";
    static const char second[] = "lat,lon,city\n-80,1,b\n50,50,c\n";
    struct export_options options = {.format = FORMAT_CSV, .tile = -1};
    char block[100];
    set_up(&f, FORMAT_CSV);
    import_good(&f, first, sizeof first - 1);
    unsigned files = count_files(f.directory, false);
    char *index_path;
    char *data_path;
    assert_int_equal(
        generation_pair_paths(f.directory, 18 * 24 + 15, 2, &index_path, &data_path, &f.err), 0);
    snprintf(block, sizeof block, "%s.tmp", data_path);
    assert_int_equal(mkdir(block, 0700), 0);
    assert_int_equal(import_bytes(&f, second, sizeof second - 1), -1);
    assert_int_equal(rmdir(block), 0);
    assert_int_equal(count_files(f.directory, false), files);
    check_export(&f, &options, HEADER "1,1,,,,,,a,,,,,,found,0\n");
    free(index_path);
    free(data_path);
    tear_down(&f);
}

static void formats(void **state)
{
    (void)state;
    enum transfer_format format = FORMAT_CSV;
    assert_true(transfer_format_parse("geojson", &format));
    assert_int_equal(format, FORMAT_GEOJSON);
    assert_true(transfer_format_parse("ndjson", &format));
    assert_int_equal(format, FORMAT_NDJSON);
    assert_true(transfer_format_parse("csv", &format));
    assert_int_equal(format, FORMAT_CSV);
    assert_false(transfer_format_parse("CSV", &format));
    assert_false(transfer_format_parse("", &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes),       cmocka_unit_test(geojson),
        cmocka_unit_test(repeated_points),  cmocka_unit_test(refusals),
        cmocka_unit_test(bad_rows_skipped), cmocka_unit_test(disk_and_memory_agree),
        cmocka_unit_test(stopped),          cmocka_unit_test(failure_keeps_the_old),
        cmocka_unit_test(formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
