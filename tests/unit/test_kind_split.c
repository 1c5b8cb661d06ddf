/* Every kind over ten million skewed records, in 1, 7 and 100 parts merged in several random
 * orders, against exact results. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "tables/fixed.h"
#include "tables/kinds.h"
#include "tests/unit/kinds_rig.h"
#include "tests/unit/tables_rig.h"

/* From SPLIT on they are split as well; those before are sums, too. */
enum {
    COUNT,
    MEAN,
    SUM,
    MINIMUM,
    MAXIMUM,
    SAMPLE,
    COLLECTION,
    QUANTILE,
    CITIES,
    CODES,
    TOP,
    TABLES
};
#define SPLIT SUM

#define SAMPLED 2000U
#define KEPT 100U

static const struct rig_table tables[TABLES] = {
    [SUM] = {&kind_sum, 0, RIG_LATENCY, 0},
    [COUNT] = {&kind_count, 0, RIG_ONE, 0},
    [MEAN] = {&kind_mean, 0, RIG_LATENCY, 0},
    [MINIMUM] = {&kind_minimum, KEPT, RIG_LATENCY, 0},
    [MAXIMUM] = {&kind_maximum, KEPT, RIG_LATENCY, 0},
    [SAMPLE] = {&kind_sample, SAMPLED, RIG_CODE, 0},
    [COLLECTION] = {&kind_collection, KEPT, RIG_CODE, 0},
    [QUANTILE] = {&kind_quantile, 101, RIG_LATENCY, 0},
    [CITIES] = {&kind_unique, 32768, RIG_CITY, 0},
    [CODES] = {&kind_unique, 1024, RIG_CODE, 0},
    [TOP] = {&kind_top, 20, RIG_CITY, 0},
};

/* What is so, by counting and sorting. */
static struct {
    double *latency; /* in order */
    __float128 sum;
    uint32_t city[RIG_CITIES];
    unsigned cities;
} exact;

static struct cells *whole[TABLES];

/* Positive doubles, by their bits. */
static void sort(double *values, size_t count)
{
    double *spare = malloc(count * sizeof *spare);
    assert_non_null(spare);
    for (unsigned shift = 0; shift < 64; shift += 16) {
        static size_t at[65537];
        memset(at, 0, sizeof at);
        for (size_t i = 0; i < count; i++) {
            uint64_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            at[(bits >> shift & 0xFFFF) + 1]++;
        }
        for (size_t i = 1; i < 65537; i++)
            at[i] += at[i - 1];
        for (size_t i = 0; i < count; i++) {
            uint64_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            spare[at[bits >> shift & 0xFFFF]++] = values[i];
        }
        double *swap = values;
        values = spare;
        spare = swap;
    }
    free(spare);
}

static int fill(void **state)
{
    (void)state;
    exact.latency = malloc(RIG_RECORDS * sizeof *exact.latency);
    assert_non_null(exact.latency);
    for (unsigned i = 0; i < TABLES; i++)
        whole[i] = rig_cells(&tables[i]);
    for (uint64_t number = 0; number < RIG_RECORDS; number++) {
        struct rig_skewed record = rig_skewed(number);
        exact.latency[number] = record.latency;
        exact.sum += record.latency;
        exact.cities += exact.city[record.city]++ == 0;
        for (unsigned i = 0; i < TABLES; i++)
            rig_emit(whole[i], &tables[i], &record);
    }
    sort(exact.latency, RIG_RECORDS);
    return 0;
}

static int empty(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TABLES; i++)
        cells_free(whole[i]);
    free(exact.latency);
    return 0;
}

static double number_of(unsigned table)
{
    cJSON *value = rig_value(whole[table]);
    assert_true(cJSON_IsNumber(value));
    double number = value->valuedouble;
    cJSON_Delete(value);
    return number;
}

static void sums_are_exact(void **state)
{
    (void)state;
    double sum = (double)exact.sum;
    double ulp = nextafter(sum, INFINITY) - sum;
    assert_true(fabs(number_of(SUM) - sum) <= ulp);
    assert_true(cells_bound(whole[SUM]) < 1e-8);
    assert_true(fabs(number_of(MEAN) - sum / RIG_RECORDS) <= ulp / RIG_RECORDS * 2);
    assert_true(number_of(COUNT) == RIG_RECORDS);
    assert_true(cells_bound(whole[COUNT]) == 0);
}

static void the_least_and_greatest_are_exact(void **state)
{
    (void)state;
    cJSON *least = rig_value(whole[MINIMUM]), *greatest = rig_value(whole[MAXIMUM]);
    assert_int_equal(cJSON_GetArraySize(least), KEPT);
    assert_int_equal(cJSON_GetArraySize(greatest), KEPT);
    for (unsigned i = 0; i < KEPT; i++) {
        assert_true(cJSON_GetArrayItem(least, (int)i)->valuedouble == exact.latency[i]);
        assert_true(cJSON_GetArrayItem(greatest, (int)i)->valuedouble ==
                    exact.latency[RIG_RECORDS - 1 - i]);
    }
    cJSON_Delete(least);
    cJSON_Delete(greatest);
}

static void quantiles_are_within_their_bound(void **state)
{
    (void)state;
    cJSON *values = rig_value(whole[QUANTILE]);
    double bound = cells_bound(whole[QUANTILE]), worst = 0;
    assert_true(bound == 1.0 / 256);
    assert_int_equal(cJSON_GetArraySize(values), 101);
    for (unsigned i = 0; i < 101; i++) {
        double rank = (double)(RIG_RECORDS - 1) * i / 100;
        size_t below = (size_t)rank;
        double right = exact.latency[below];
        if (below + 1 < RIG_RECORDS)
            right += (exact.latency[below + 1] - right) * (rank - (double)below);
        double error = fabs(cJSON_GetArrayItem(values, (int)i)->valuedouble / right - 1);
        worst = error > worst ? error : worst;
        assert_true(error <= ((i == 0 || i == 100) ? 1e-15 : bound));
    }
    cJSON_Delete(values);
    print_message("quantile: worst error %.2g, bound %.2g\n", worst, bound);
}

static void distinct_counts_are_within_their_bound(void **state)
{
    (void)state;
    assert_true(number_of(CITIES) == exact.cities);
    assert_true(cells_bound(whole[CITIES]) == 0);
    double bound = cells_bound(whole[CODES]), error = number_of(CODES) / RIG_RECORDS - 1;
    assert_true(bound > 0.125 && bound < 0.126);
    assert_true(fabs(error) <= bound);
    print_message("unique: error %.2g, bound %.2g\n", error, bound);
}

/* check_top: of cells that have seen everything, in whatever parts. */
static double check_top(const struct cells *cells)
{
    cJSON *list = rig_value(cells), *element;
    double bound = cells_bound(cells), worst = 0, last = 0;
    bool shown[RIG_CITIES] = {false};
    assert_int_equal(cJSON_GetArraySize(list), tables[TOP].n);
    cJSON_ArrayForEach(element, list)
    {
        const char *name = cJSON_GetObjectItem(element, "value")->valuestring;
        double count = cJSON_GetObjectItem(element, "count")->valuedouble;
        double error = cJSON_GetObjectItem(element, "error")->valuedouble;
        uint32_t city = 0;
        while (strcmp(rig_city(city).data, name) != 0)
            assert_true(++city < RIG_CITIES);
        shown[city] = true;
        last = count;
        assert_true(error >= 0 && error <= bound);
        assert_true(count >= exact.city[city] && count - error <= exact.city[city]);
        worst = count - exact.city[city] > worst ? count - exact.city[city] : worst;
    }
    for (uint32_t city = 0; city < RIG_CITIES; city++)
        assert_true(shown[city] || exact.city[city] <= last);
    cJSON_Delete(list);
    print_message("top: worst error %.0f, bound %.0f, of %u\n", worst, bound, RIG_RECORDS);
    return bound;
}

static void the_most_frequent_are_found(void **state)
{
    (void)state;
    double bound = check_top(whole[TOP]);
    assert_true(bound > 0 && bound <= RIG_RECORDS / 10000.0);
}

static int by_priority(const void *left, const void *right)
{
    const struct rig_skewed *a = left, *b = right;
    return (a->priority > b->priority) - (a->priority < b->priority);
}

static int by_place(const void *left, const void *right)
{
    const struct rig_skewed *a = left, *b = right;
    return a->tile != b->tile ? (a->tile > b->tile) - (a->tile < b->tile)
                              : (a->code > b->code) - (a->code < b->code);
}

/* The records that are in the sample by its definition, in order of place; *common: how many
 * records in all are of the hundred largest cities. */
static struct rig_skewed *drawn(uint64_t *common)
{
    size_t count = 0, room = 4 * (size_t)SAMPLED;
    struct rig_skewed *records = malloc(room * sizeof *records);
    assert_non_null(records);
    uint64_t limit = UINT64_MAX / RIG_RECORDS * 2 * SAMPLED;
    for (uint64_t number = 0; number < RIG_RECORDS; number++) {
        struct rig_skewed record = rig_skewed(number);
        *common += record.city < 100;
        if (record.priority < limit && count < room)
            records[count++] = record;
    }
    assert_true(count > SAMPLED && count < room);
    qsort(records, count, sizeof *records, by_priority);
    qsort(records, SAMPLED, sizeof *records, by_place);
    return records;
}

static double off(double seen, double expected)
{
    return (seen - expected) * (seen - expected) / expected;
}

/* Unbiased over time and between frequent and rare cities: chi-square, 99.9%. */
static void samples_are_drawn_from_all_alike(void **state)
{
    (void)state;
    uint64_t common = 0;
    struct rig_skewed *records = drawn(&common);
    cJSON *sample = rig_value(whole[SAMPLE]);
    const cJSON *element = sample->child;
    double strata[10] = {0}, often = 0, chi = 0;
    for (unsigned i = 0; i < SAMPLED; i++, element = element->next) {
        assert_true(element != NULL && element->valuedouble == (double)(records[i].code >> 11));
        strata[records[i].tile * 10 / (RIG_RECORDS / RIG_TILE)]++;
        often += records[i].city < 100;
    }
    assert_null(element);
    for (unsigned i = 0; i < 10; i++)
        chi += off(strata[i], SAMPLED / 10.0);
    double share = (double)common / RIG_RECORDS * SAMPLED;
    double pair = off(often, share) + off(SAMPLED - often, SAMPLED - share);
    assert_true(chi < 27.9 && pair < 10.8);
    assert_int_equal(cells_other(whole[SAMPLE]), 0);
    print_message("sample: chi-square %.1f of 9, %.2f of 1\n", chi, pair);
    free(records);
    cJSON_Delete(sample);
}

static void collections_are_the_first(void **state)
{
    (void)state;
    struct rig_skewed *records = malloc(RIG_TILE * sizeof *records);
    assert_non_null(records);
    for (uint64_t number = 0; number < RIG_TILE; number++)
        records[number] = rig_skewed(number);
    qsort(records, RIG_TILE, sizeof *records, by_place);
    cJSON *first = rig_value(whole[COLLECTION]);
    const cJSON *element = first->child;
    for (unsigned i = 0; i < KEPT; i++, element = element->next)
        assert_true(element != NULL && element->valuedouble == (double)(records[i].code >> 11));
    assert_null(element);
    assert_int_equal(cells_other(whole[COLLECTION]), RIG_RECORDS - KEPT);
    free(records);
    cJSON_Delete(first);
}

static void check_parts(unsigned parts)
{
    static struct cells *part[TABLES][RIG_PARTS];
    for (unsigned i = SPLIT; i < TABLES; i++)
        for (unsigned j = 0; j < parts; j++)
            part[i][j] = rig_cells(&tables[i]);
    for (uint64_t number = 0; number < RIG_RECORDS; number++) {
        struct rig_skewed record = rig_skewed(number);
        unsigned where = (unsigned)(rig_random(number / 10000 + parts) % parts);
        for (unsigned i = SPLIT; i < TABLES; i++)
            rig_emit(part[i][where], &tables[i], &record);
    }
    for (unsigned i = SPLIT; i < TABLES; i++)
        for (unsigned order = 0; order < 4; order++) {
            struct cells *all = order < 3 ? rig_merged(&tables[i], part[i], parts, order * 1000)
                                          : rig_collapse(part[i], parts, 77);
            if (i == TOP)
                assert_true(check_top(all) <= RIG_RECORDS / 500.0);
            else
                rig_assert_same(all, whole[i]);
            cells_free(all);
        }
}

static void seven_parts_are_the_whole(void **state)
{
    (void)state;
    check_parts(7);
}

static void a_hundred_parts_are_the_whole(void **state)
{
    (void)state;
    check_parts(100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_exact),
        cmocka_unit_test(the_least_and_greatest_are_exact),
        cmocka_unit_test(quantiles_are_within_their_bound),
        cmocka_unit_test(distinct_counts_are_within_their_bound),
        cmocka_unit_test(the_most_frequent_are_found),
        cmocka_unit_test(samples_are_drawn_from_all_alike),
        cmocka_unit_test(collections_are_the_first),
        cmocka_unit_test(seven_parts_are_the_whole),
        cmocka_unit_test(a_hundred_parts_are_the_whole),
    };
    return cmocka_run_group_tests(tests, fill, empty);
}
