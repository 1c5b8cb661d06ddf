#include "daemon/refreshctl_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/refreshctl_layout.h"
#include "daemon/refreshctl_progress.h"
#include "daemon/refreshctl_text.h"

#define DIGITS 10      /* of values that were seen as they are, such as coordinates; */
#define FEWER_DIGITS 4 /* of those that were reckoned */

static int number_cell(struct layout *layout, double value, int digits, struct error *err)
{
    char figure[FIGURE_BYTES];
    return layout_cell(layout, figure_value(value, digits, figure), true, err);
}

/* A text, a number or a truth; anything else is shown as nothing. */
static int value_cell(struct layout *layout, const cJSON *value, int digits, struct error *err)
{
    if (cJSON_IsNumber(value))
        return number_cell(layout, value->valuedouble, digits, err);
    if (cJSON_IsBool(value))
        return layout_cell(layout, cJSON_IsTrue(value) ? "true" : "false", false, err);
    return layout_cell(layout, cJSON_IsString(value) ? value->valuestring : "", false, err);
}

static int index_cells(struct layout *layout, const cJSON *row, struct error *err)
{
    const cJSON *field;
    cJSON_ArrayForEach(field, member(row, "index"))
    {
        if (value_cell(layout, field, DIGITS, err) != 0)
            return -1;
    }
    return 0;
}

/* --- quantiles ------------------------------------------------------------------------------ */

static const struct percentile {
    const char *name;
    double share;
} percentiles[] = {{"min", 0},    {"p1", 0.01}, {"p25", 0.25}, {"p50", 0.5},
                   {"p75", 0.75}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}};
#define PERCENTILES (sizeof percentiles / sizeof percentiles[0])

/* Whether `count` values from least to greatest say it: one of them is it, or they are close
 * enough to reckon with. */
static bool is_known(double share, int count)
{
    double rank = share * (count - 1);
    double outer = share < 0.5 ? share : 1 - share;
    return fabs(rank - round(rank)) < 1e-9 || 1.0 / (count - 1) <= outer + 1e-12;
}

static double quantile_at(const cJSON *list, double share, int count)
{
    double rank = share * (count - 1);
    int below = (int)floor(rank + 1e-9);
    const cJSON *least = cJSON_GetArrayItem(list, below);
    double value = cJSON_IsNumber(least) ? least->valuedouble : 0;
    double between = rank - below;
    return between > 1e-9 && least->next != NULL
               ? value + between * (least->next->valuedouble - value)
               : value;
}

static int quantile_head(struct layout *layout, int count, struct error *err)
{
    for (size_t i = 0; i < PERCENTILES; i++)
        if (is_known(percentiles[i].share, count) &&
            layout_cell(layout, percentiles[i].name, true, err) != 0)
            return -1;
    return 0;
}

static int quantile_cells(struct layout *layout, const cJSON *list, struct error *err)
{
    int count = cJSON_GetArraySize(list);
    for (size_t i = 0; i < PERCENTILES && count > 1; i++)
        if (is_known(percentiles[i].share, count) &&
            number_cell(layout, quantile_at(list, percentiles[i].share, count), FEWER_DIGITS,
                        err) != 0)
            return -1;
    return 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* What is shown of a table. */
struct view {
    struct layout layout;
    bool quantiles;
    bool arrow;   /* the first two values are what was and what is */
    int share;    /* most elements of one row's list */
    double lines; /* shown */
    double all;   /* there are */
};

static int value_cells(struct view *view, const cJSON *value, struct error *err)
{
    const cJSON *part;
    if (!cJSON_IsArray(value))
        return value_cell(&view->layout, value, DIGITS, err);
    bool arrow = view->arrow;
    cJSON_ArrayForEach(part, value)
    {
        if (value_cell(&view->layout, part, DIGITS, err) != 0 ||
            (arrow && layout_cell(&view->layout, "->", false, err) != 0))
            return -1;
        arrow = false;
    }
    return 0;
}

/* An element of top is an object. */
static int element_cells(struct view *view, const cJSON *element, struct error *err)
{
    if (!cJSON_IsObject(element))
        return value_cells(view, element, err);
    char figure[FIGURE_BYTES], error[FIGURE_BYTES + 8];
    double wrong = member_number(element, "error");
    if (value_cells(view, member(element, "value"), err) != 0 ||
        number_cell(&view->layout, member_number(element, "count"), FEWER_DIGITS, err) != 0)
        return -1;
    (void)snprintf(error, sizeof error, "(\xC2\xB1 %s)", figure_value(wrong, FEWER_DIGITS, figure));
    return wrong > 0 ? layout_cell(&view->layout, error, false, err) : 0;
}

static int add_list(struct view *view, const cJSON *row, struct error *err)
{
    const cJSON *element;
    int shown = 0;
    cJSON_ArrayForEach(element, member(row, "value"))
    {
        view->all++;
        if (shown == view->share || view->lines >= TABLE_LINES)
            continue;
        if (index_cells(&view->layout, row, err) != 0 || element_cells(view, element, err) != 0 ||
            layout_end(&view->layout, err) != 0)
            return -1;
        shown++;
        view->lines++;
    }
    return 0;
}

static int add_row(struct view *view, const cJSON *row, struct error *err)
{
    const cJSON *value = member(row, "value");
    if (cJSON_IsArray(value) && !view->quantiles)
        return add_list(view, row, err);
    view->all++;
    if (view->lines >= TABLE_LINES)
        return 0;
    view->lines++;
    if (index_cells(&view->layout, row, err) != 0)
        return -1;
    int result = view->quantiles ? quantile_cells(&view->layout, value, err)
                                 : value_cell(&view->layout, value, FEWER_DIGITS, err);
    return result != 0 ? -1 : layout_end(&view->layout, err);
}

/* Names of the columns where they are not plain: of the index, and of quantiles. */
static int add_head(struct view *view, const cJSON *first, struct error *err)
{
    const cJSON *field, *value = member(first, "value");
    view->layout.headed = view->quantiles || member(first, "index")->child != NULL;
    if (!view->layout.headed)
        return 0;
    cJSON_ArrayForEach(field, member(first, "index"))
    {
        if (layout_cell(&view->layout, field->string, false, err) != 0)
            return -1;
    }
    if (view->quantiles && quantile_head(&view->layout, cJSON_GetArraySize(value), err) != 0)
        return -1;
    return layout_end(&view->layout, err);
}

/* --- order ------------------------------------------------------------------------------------ */

struct placed {
    const cJSON *row;
    size_t at;
};

/* By the numbers of the index, so that hours and ages are in order; else as they came. */
static int by_numbers(const void *a, const void *b)
{
    const struct placed *left = a, *right = b;
    const cJSON *l = member(left->row, "index"), *r = member(right->row, "index");
    for (l = l->child, r = r->child; l != NULL && r != NULL; l = l->next, r = r->next)
        if (cJSON_IsNumber(l) && cJSON_IsNumber(r) && l->valuedouble != r->valuedouble)
            return l->valuedouble < r->valuedouble ? -1 : 1;
    return left->at < right->at ? -1 : 1;
}

static struct placed *in_order(const cJSON *rows, size_t *count)
{
    const cJSON *row;
    size_t used = 0;
    size_t room = (size_t)cJSON_GetArraySize(rows);
    struct placed *placed = calloc(room > 0 ? room : 1, sizeof *placed);
    if (placed == NULL)
        return NULL;
    cJSON_ArrayForEach(row, rows)
    {
        if (!cJSON_IsObject(member(row, "index")))
            continue;
        placed[used] = (struct placed){row, used};
        used++;
    }
    qsort(placed, used, sizeof *placed, by_numbers);
    *count = used;
    return placed;
}

/* --- a table ------------------------------------------------------------------------------------
 */

/* "... of old_label, label, ..." */
static bool is_old_and_new(const char *text)
{
    const char *of = strstr(text, " of old_");
    if (of == NULL)
        return false;
    const char *name = of + strlen(" of old_");
    size_t length = strcspn(name, ", \t");
    const char *next = name + length + strspn(name + length, ", \t");
    return length > 0 && strncmp(next, name, length) == 0 && strcspn(next, ", \t") == length;
}

static int print_bound(const cJSON *table, const char *between, struct buffer *out,
                       struct error *err)
{
    char figure[FIGURE_BYTES];
    double bound = member_number(table, "error_bound");
    const char *kind = member_text(table, "kind");
    if (strcmp(kind, "quantile") == 0 || strcmp(kind, "unique") == 0)
        return append_format(out, err, "%sexact to %s%%", between,
                             figure_value(100 * bound, 2, figure));
    bool top = strcmp(kind, "top") == 0;
    return append_format(out, err, top ? "%scounts at most %s too large" : "%soff by at most %s",
                         between, figure_value(bound, top ? FEWER_DIGITS : 2, figure));
}

/* What the rows do not say. */
static int print_notes(const cJSON *table, struct buffer *out, struct error *err)
{
    static const struct note {
        const char *name, *text;
    } notes[] = {{"skipped", "skipped: something is missing"}, {"other", "counted as other"}};
    char figure[FIGURE_BYTES];
    const char *between = "  (";
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        double count = member_number(table, notes[i].name);
        if (count <= 0)
            continue;
        if (append_format(out, err, "%s%s %s", between, figure_count(count, figure),
                          notes[i].text) != 0)
            return -1;
        between = "; ";
    }
    if (member_number(table, "error_bound") > 0) {
        if (print_bound(table, between, out, err) != 0)
            return -1;
        between = "; ";
    }
    return between[0] == ';' ? append_format(out, err, ")\n") : 0;
}

static int print_rows(const cJSON *table, const struct placed *rows, size_t count,
                      struct buffer *out, struct error *err)
{
    char figure[FIGURE_BYTES];
    struct view view = {.quantiles = strcmp(member_text(table, "kind"), "quantile") == 0,
                        .arrow = is_old_and_new(member_text(table, "text"))};
    view.share = TABLE_LINES / (int)(count < TABLE_LINES ? count : TABLE_LINES);
    int result = add_head(&view, rows[0].row, err);
    for (size_t i = 0; i < count && result == 0; i++)
        result = add_row(&view, rows[i].row, err);
    if (result == 0)
        result = view.lines > 0 ? layout_print(&view.layout, out, err)
                                : append_format(out, err, "  nothing\n");
    if (result == 0 && view.all > view.lines)
        result = append_format(out, err, "  and %s more; --json has all\n",
                               figure_count(view.all - view.lines, figure));
    layout_free(&view.layout);
    return result;
}

static int print_table(const cJSON *table, struct buffer *out, struct error *err)
{
    size_t count = 0;
    struct placed *rows = in_order(member(table, "rows"), &count);
    if (rows == NULL)
        return error_memory(err, "a table");
    int result = append_format(out, err, "%s\n", member_text(table, "text"));
    if (result == 0)
        result = count > 0 ? print_rows(table, rows, count, out, err)
                           : append_format(out, err, "  nothing\n");
    free(rows);
    return result != 0 ? -1 : print_notes(table, out, err);
}

int print_tables(const cJSON *tables, struct buffer *out, struct error *err)
{
    const cJSON *table;
    if (cJSON_GetArraySize(tables) == 0)
        return append_format(out, err, "no tables\n");
    cJSON_ArrayForEach(table, tables)
    {
        if ((table->prev->next != NULL && append_format(out, err, "\n") != 0) ||
            print_table(table, out, err) != 0)
            return -1;
    }
    return 0;
}
