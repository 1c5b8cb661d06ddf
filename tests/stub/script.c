#include "tests/stub/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "tests/stub/emit.h"

/* --- reading it ------------------------------------------------------------------ */

static bool set_choice(struct rule *rule, const char *name, double value)
{
    if (strcmp(name, "one_in") == 0)
        rule->one_in = (unsigned)value;
    else if (strcmp(name, "points") == 0)
        rule->points = (unsigned)value;
    else if (strcmp(name, "from") == 0)
        rule->from = (uint64_t)value;
    else if (strcmp(name, "to") == 0)
        rule->to = (uint64_t)value;
    else if (strcmp(name, "limit") == 0)
        rule->limit = (uint64_t)value;
    else if (strcmp(name, "seconds") == 0)
        rule->seconds = value;
    else if (strcmp(name, "once") == 0)
        rule->once = value != 0;
    else
        return false;
    return true;
}

static bool set_value(struct fault_values *values, const char *name, const char *text)
{
    double number = 0;
    bool is_number = text_parse_double(text, &number);
    if (strcmp(name, "where") == 0 || strcmp(name, "text") == 0 || strcmp(name, "type") == 0) {
        *(strcmp(name, "type") == 0 ? &values->type : &values->text) = text;
        return true;
    }
    if (!is_number)
        return false;
    if (strcmp(name, "status") == 0)
        values->status = (unsigned)number;
    else if (strcmp(name, "ms") == 0)
        values->ms = (unsigned)number;
    else if (strcmp(name, "bytes") == 0)
        values->bytes = (size_t)number;
    else if (strcmp(name, "retry_after") == 0)
        values->retry_after = number;
    else if (strcmp(name, "retry_date") == 0)
        values->retry_date = number;
    else
        return false;
    return true;
}

/* One NAME=VALUE; cuts the line behind it. */
static bool read_word(struct rule *rule, char **line)
{
    char *name = *line;
    char *value = strchr(name, '=');
    if (value == NULL)
        return false;
    *value++ = '\0';
    char *end = strcmp(name, "text") == 0 ? value + strlen(value) : value + strcspn(value, " ");
    *line = *end == '\0' ? end : end + 1;
    *end = '\0';
    double number;
    if (text_parse_double(value, &number) && set_choice(rule, name, number))
        return true;
    return set_value(&rule->values, name, value);
}

static bool read_setting(struct script *script, const char *line)
{
    char name[16];
    unsigned value;
    if (sscanf(line, "set %15s %u", name, &value) != 2)
        return false;
    if (strcmp(name, "version") == 0)
        script->version = value;
    else if (strcmp(name, "empty") == 0)
        script->empty = value;
    else if (strcmp(name, "delay_ms") == 0)
        script->delay_ms = value;
    else
        return false;
    return true;
}

static bool read_rule(struct script *script, char *line)
{
    struct rule *rule = &script->rules[script->count];
    char *words = line + strcspn(line, " ");
    if (*words != '\0')
        *words++ = '\0';
    *rule = (struct rule){.fault = fault_find(line),
                          .from = 1,
                          .to = UINT64_MAX,
                          .limit = UINT64_MAX,
                          .salt = (unsigned)script->count + 101};
    if (rule->fault == NULL)
        return false;
    while (*words == ' ')
        words++;
    while (*words != '\0')
        if (!read_word(rule, &words))
            return false;
    script->count++;
    return true;
}

static size_t count_lines(const char *text)
{
    size_t lines = 1;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

bool script_set(struct script *script, const char *text, size_t size, char message[200])
{
    struct script fresh = {.version = script->version,
                           .empty = script->empty,
                           .delay_ms = script->delay_ms,
                           .set_at = clock_monotonic(),
                           .text = allocate(size + 1)};
    memcpy(fresh.text, text, size);
    fresh.rules = allocate(count_lines(fresh.text) * sizeof *fresh.rules);
    char *rest = fresh.text;
    while (rest != NULL) {
        char *line = strsep(&rest, "\n");
        char shown[120];
        (void)snprintf(shown, sizeof shown, "%s", line);
        if (*line == '\0' || *line == '#')
            continue;
        bool good =
            strncmp(line, "set ", 4) == 0 ? read_setting(&fresh, line) : read_rule(&fresh, line);
        if (!good) {
            (void)snprintf(message, 200, "script: `%s` makes no sense", shown);
            script_free(&fresh);
            return false;
        }
    }
    script_free(script);
    *script = fresh;
    return true;
}

void script_free(struct script *script)
{
    free(script->rules);
    free(script->seen);
    free(script->text);
    *script = (struct script){0};
}

/* --- choosing -------------------------------------------------------------------- */

static void grow_seen(struct script *script)
{
    size_t room = script->seen_room == 0 ? 1024 : script->seen_room * 2;
    uint64_t *larger = allocate(room * sizeof *larger);
    for (size_t i = 0; i < script->seen_room; i++) {
        if (script->seen[i] == 0)
            continue;
        size_t at = script->seen[i] & (room - 1);
        while (larger[at] != 0)
            at = (at + 1) & (room - 1);
        larger[at] = script->seen[i];
    }
    free(script->seen);
    script->seen = larger;
    script->seen_room = room;
}

/* Whether this rule meets this point for the first time; remembers it. */
static bool first_time(struct script *script, const struct rule *rule, struct point point)
{
    if (script->seen_count * 2 >= script->seen_room)
        grow_seen(script);
    uint64_t hash = mix_bits(place_hash(point) + rule->salt) | 1;
    size_t at = hash & (script->seen_room - 1);
    for (; script->seen[at] != 0; at = (at + 1) & (script->seen_room - 1))
        if (script->seen[at] == hash)
            return false;
    script->seen[at] = hash;
    script->seen_count++;
    return true;
}

static bool meets_points(struct script *script, const struct rule *rule, const struct rows *rows)
{
    bool meets = rule->points == 0 && (!rule->once || rows->count == 0);
    for (size_t i = 0; i < rows->count && (rule->points != 0 || rule->once); i++) {
        struct point point = rows->row[i].point;
        if (rule->points != 0 && !place_chosen(point, rule->points, rule->salt))
            continue;
        meets = (!rule->once || first_time(script, rule, point)) || meets;
    }
    return meets;
}

const struct rule *script_choose(struct script *script, const struct rows *rows)
{
    uint64_t number = ++script->requests;
    for (size_t i = 0; i < script->count; i++) {
        struct rule *rule = &script->rules[i];
        if (number < rule->from || number > rule->to || rule->given >= rule->limit ||
            (rule->one_in != 0 &&
             mix_bits(number * 2654435761u + rule->salt) % rule->one_in != 0) ||
            (rule->seconds != 0 && clock_monotonic() - script->set_at > rule->seconds) ||
            !meets_points(script, rule, rows))
            continue;
        rule->given++;
        return rule;
    }
    return NULL;
}
