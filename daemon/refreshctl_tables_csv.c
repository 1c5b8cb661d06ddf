/* Tables as CSV: a line for each index and value. */
#include <string.h>

#include "daemon/refreshctl_progress.h"
#include "daemon/refreshctl_tables.h"
#include "daemon/refreshctl_text.h"

#define MOST_COLUMNS 1024 /* of index fields: more names than the language has */

struct sheet {
    const char *names[MOST_COLUMNS]; /* of index fields, as they first occur */
    size_t count;
    int values; /* most expressions of a table */
    struct buffer *out;
    struct error *err;
};

static void add_name(struct sheet *sheet, const char *name)
{
    for (size_t i = 0; i < sheet->count; i++)
        if (strcmp(sheet->names[i], name) == 0)
            return;
    if (sheet->count < MOST_COLUMNS)
        sheet->names[sheet->count++] = name;
}

/* A list of top has objects; an element of several expressions is a list. */
static const cJSON *value_of(const cJSON *element)
{
    return cJSON_IsObject(element) ? member(element, "value") : element;
}

static void look_at_table(struct sheet *sheet, const cJSON *table)
{
    const cJSON *row, *field, *element;
    cJSON_ArrayForEach(row, member(table, "rows"))
    {
        cJSON_ArrayForEach(field, member(row, "index")) add_name(sheet, field->string);
        cJSON_ArrayForEach(element, member(row, "value"))
        {
            const cJSON *value = value_of(element);
            int count = cJSON_IsArray(value) ? cJSON_GetArraySize(value) : 1;
            if (count > sheet->values)
                sheet->values = count;
        }
    }
}

/* --- fields -------------------------------------------------------------------------------------
 */

static int put(struct sheet *sheet, const char *text)
{
    return buffer_append(sheet->out, text, strlen(text), sheet->err);
}

/* In quotes where it needs them. */
static int put_text(struct sheet *sheet, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL)
        return put(sheet, text);
    if (put(sheet, "\"") != 0)
        return -1;
    for (; *text != '\0'; text++)
        if ((*text == '"' && put(sheet, "\"") != 0) ||
            buffer_append(sheet->out, text, 1, sheet->err) != 0)
            return -1;
    return put(sheet, "\"");
}

/* All digits of a number, so that what reads it has what JSON has. NULL is an empty field. */
static int put_value(struct sheet *sheet, const cJSON *value)
{
    char number[64];
    if (cJSON_IsString(value))
        return put_text(sheet, value->valuestring);
    if (cJSON_IsBool(value))
        return put(sheet, cJSON_IsTrue(value) ? "true" : "false");
    if (!cJSON_IsNumber(value))
        return 0;
    if (!cJSON_PrintPreallocated((cJSON *)value, number, sizeof number, false))
        return error_memory(sheet->err, "a number");
    return put(sheet, number);
}

static int put_head(struct sheet *sheet)
{
    if (put(sheet, "table") != 0)
        return -1;
    for (size_t i = 0; i < sheet->count; i++)
        if (put(sheet, ",") != 0 || put_text(sheet, sheet->names[i]) != 0)
            return -1;
    if (put(sheet, ",position,value,count,error") != 0)
        return -1;
    for (int i = 2; i <= sheet->values; i++)
        if (append_format(sheet->out, sheet->err, ",value%d", i) != 0)
            return -1;
    return put(sheet, "\n");
}

/* --- lines -------------------------------------------------------------------------------------
 */

/* position 0: the value is no element of a list. */
static int put_line(struct sheet *sheet, const cJSON *table, const cJSON *row, int position,
                    const cJSON *element)
{
    const cJSON *index = member(row, "index"), *value = value_of(element);
    const cJSON *part = cJSON_IsArray(value) ? value->child : value;
    if (put_text(sheet, member_text(table, "name")) != 0)
        return -1;
    for (size_t i = 0; i < sheet->count; i++)
        if (put(sheet, ",") != 0 || put_value(sheet, member(index, sheet->names[i])) != 0)
            return -1;
    if (put(sheet, ",") != 0 ||
        (position > 0 && append_format(sheet->out, sheet->err, "%d", position) != 0) ||
        put(sheet, ",") != 0 || put_value(sheet, part) != 0 || put(sheet, ",") != 0 ||
        put_value(sheet, member(element, "count")) != 0 || put(sheet, ",") != 0 ||
        put_value(sheet, member(element, "error")) != 0)
        return -1;
    for (int i = 2; i <= sheet->values; i++) {
        part = cJSON_IsArray(value) && part != NULL ? part->next : NULL;
        if (put(sheet, ",") != 0 || put_value(sheet, part) != 0)
            return -1;
    }
    return put(sheet, "\n");
}

static int put_row(struct sheet *sheet, const cJSON *table, const cJSON *row)
{
    const cJSON *value = member(row, "value"), *element;
    int position = 0;
    if (!cJSON_IsArray(value))
        return put_line(sheet, table, row, 0, value);
    cJSON_ArrayForEach(element, value)
    {
        if (put_line(sheet, table, row, ++position, element) != 0)
            return -1;
    }
    return 0;
}

int print_tables_csv(const cJSON *tables, struct buffer *out, struct error *err)
{
    struct sheet sheet = {.out = out, .err = err};
    const cJSON *table, *row;
    cJSON_ArrayForEach(table, tables) look_at_table(&sheet, table);
    if (put_head(&sheet) != 0)
        return -1;
    cJSON_ArrayForEach(table, tables)
    {
        cJSON_ArrayForEach(row, member(table, "rows"))
        {
            if (put_row(&sheet, table, row) != 0)
                return -1;
        }
    }
    return 0;
}
