#include <string.h>

#include "config/entry.h"

static void print_section(const struct config_key *key, const char **section, FILE *out)
{
    if (*section != NULL && strcmp(*section, key->section) == 0)
        return;
    (void)fprintf(out, "%s[%s]\n", *section == NULL ? "" : "\n", key->section);
    *section = key->section;
}

static void print_value(const char *name, const char *value, FILE *out)
{
    (void)fprintf(out, value[0] == '\0' ? "%s =\n" : "%s = %s\n", name, value);
}

/* A list takes a line for each item, because a line has a longest length. */
static void print_list(const char *name, const struct config_list *list, FILE *out)
{
    for (size_t i = 0; i < list->count; i++)
        print_value(name, list->items[i], out);
    if (list->count == 0)
        print_value(name, "", out);
}

int config_print(const struct config *config, FILE *out)
{
    const char *section = NULL;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        print_section(key, &section, out);
        if (key->type == CONFIG_URL_LIST)
            print_list(
                key->name,
                (const struct config_list *)(const void *)((const char *)config + key->offset),
                out);
        else
            print_value(key->name, config->entries[i].text, out);
    }
    config_print_report(config, out);
    return ferror(out) ? -1 : 0;
}

static void print_help(const char *help, FILE *out)
{
    while (*help != '\0') {
        size_t length = strcspn(help, "\n");
        (void)fprintf(out, "# %.*s\n", (int)length, help);
        help += length + (help[length] == '\n');
    }
}

int config_example(FILE *out)
{
    const char *section = NULL;
    (void)fputs(
        "# The configuration of refreshd. Every key has the default that is shown here;\n"
        "# take away the ; before a key to change it. refreshd --check-config says what is\n"
        "# wrong, and prints every value in force. Where a key says (live), a reload\n"
        "# (SIGHUP) applies a change; the others need a restart.\n"
        "# Durations: 250ms 90s 15m 6h 30d. Percentages: 0.5%. Distances: 50m 1.5km.\n"
        "# Behind a value, a comment is a ; with a space before it.\n\n",
        out);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        print_section(key, &section, out);
        (void)fputc('\n', out);
        print_help(key->help, out);
        if (key->live)
            (void)fputs("# (live)\n", out);
        (void)fputc(';', out);
        print_value(key->name, key->fallback, out);
    }
    config_example_report(out);
    return ferror(out) ? -1 : 0;
}
