#include "tables/tables.h"

#include <stdlib.h>
#include <string.h>

/* --- one table more, or less ---------------------------------------------------------------- */

/* find: the table of that name (length bytes), or count. */
static size_t find(const struct tables *tables, const char *name, size_t length)
{
    size_t i = 0;
    while (i < tables->count && (strlen(tables->table[i].name) != length ||
                                 memcmp(tables->table[i].name, name, length) != 0))
        i++;
    return i;
}

static void take_out(struct tables *tables, size_t i)
{
    table_clear(&tables->table[i]);
    memmove(&tables->table[i], &tables->table[i + 1],
            (--tables->count - i) * sizeof tables->table[i]);
}

static int put(struct tables *tables, const char *text, struct error *err)
{
    struct table table;
    if (table_parse(&table, text, err) != 0)
        return -1;
    size_t i = find(tables, table.name, strlen(table.name));
    if (i == TABLES_LIMIT) {
        table_clear(&table);
        return error_set(err, ERROR_VALUE, "column 1: more than %d tables", TABLES_LIMIT);
    }
    if (i < tables->count)
        table_clear(&tables->table[i]);
    else
        tables->count++;
    tables->table[i] = table;
    return 0;
}

/* --- lines --------------------------------------------------------------------------------- */

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r");
}

/* is_removal: whether the line is `NAME =`; *name and *length tell it. */
static bool is_removal(const char *line, const char **name, size_t *length)
{
    *name = skip_space(line);
    *length = strspn(*name, TABLE_NAME_LETTERS);
    const char *at = skip_space(*name + *length);
    return *length > 0 && *at == '=' && *skip_space(at + 1) == '\0';
}

int tables_add(struct tables *tables, const char *line, struct error *err)
{
    const char *name;
    size_t length;
    if (*skip_space(line) == '\0')
        return 0;
    if (!is_removal(line, &name, &length))
        return put(tables, line, err);
    size_t i = find(tables, name, length);
    if (i < tables->count)
        take_out(tables, i);
    return 0;
}

static bool is_one_line(const char *text)
{
    const char *end = strchr(text, '\n');
    return end == NULL || end[1] == '\0';
}

int tables_add_lines(struct tables *tables, const char *text, struct error *err)
{
    bool alone = is_one_line(text);
    for (unsigned number = 1; *text != '\0'; number++) {
        size_t length = strcspn(text, "\n");
        char *line = strndup(text, length);
        if (line == NULL)
            return error_memory(err, "tables");
        int result = tables_add(tables, line, err);
        free(line);
        if (result != 0)
            return alone ? -1 : error_prefix(err, "line %u", number);
        text += length + (text[length] == '\n');
    }
    return 0;
}

int tables_parse(struct tables **out, const char *text, struct error *err)
{
    struct tables *tables = calloc(1, sizeof *tables);
    if (tables != NULL)
        tables->table = calloc(TABLES_LIMIT, sizeof *tables->table);
    if (tables == NULL || tables->table == NULL) {
        free(tables);
        return error_memory(err, "tables");
    }
    if (tables_add_lines(tables, text, err) != 0) {
        tables_free(tables);
        return -1;
    }
    *out = tables;
    return 0;
}

void tables_free(struct tables *tables)
{
    if (tables == NULL)
        return;
    for (size_t i = 0; i < tables->count; i++)
        table_clear(&tables->table[i]);
    free(tables->table);
    free(tables);
}

char *tables_text(const struct tables *tables)
{
    size_t bytes = 1;
    for (size_t i = 0; i < tables->count; i++)
        bytes += strlen(tables->table[i].text) + 1;
    char *text = malloc(bytes);
    char *at = text;
    for (size_t i = 0; text != NULL && i < tables->count; i++) {
        size_t length = strlen(tables->table[i].text);
        memcpy(at, tables->table[i].text, length);
        at[length] = '\n';
        at += length + 1;
    }
    if (text != NULL)
        *at = '\0';
    return text;
}

static unsigned table_reads(const struct table *table)
{
    unsigned reads = 0;
    for (unsigned i = 0; i < table->indexes; i++)
        reads |= field_reads(table->index[i]);
    for (unsigned i = 0; i < table->shape.values; i++)
        reads |= expression_reads(table->values[i]);
    if (table->weight != NULL)
        reads |= expression_reads(table->weight);
    if (table->condition != NULL)
        reads |= expression_reads(table->condition);
    return reads;
}

unsigned tables_reads(const struct tables *tables)
{
    unsigned reads = 0;
    for (size_t i = 0; i < tables->count; i++)
        reads |= table_reads(&tables->table[i]);
    return reads;
}
