/* The section [report]: lines that are kept as they are. */
#include <stdlib.h>
#include <string.h>

#include "config/entry.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* without_comment: the length without a ; that has white space before it and stands in no text,
 * what is behind it and the white space. */
static size_t without_comment(const char *text, size_t length)
{
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && text[i] == ';' && i > 0 && is_space(text[i - 1]))
            length = i;
    }
    while (length > 0 && is_space(text[length - 1]))
        length--;
    return length;
}

int config_put_report(struct config *config, const char *text, size_t length, unsigned line,
                      struct error *err)
{
    size_t count = config->report.count;
    struct config_report *lines = realloc(config->report.lines, (count + 1) * sizeof *lines);
    if (lines == NULL)
        return error_memory(err, "[report]");
    config->report.lines = lines;
    lines[count].text = strndup(text, without_comment(text, length));
    lines[count].line = line;
    if (lines[count].text == NULL)
        return error_memory(err, "[report]");
    config->report.count++;
    return 0;
}

void config_free_report(struct config *config)
{
    for (size_t i = 0; i < config->report.count; i++)
        free(config->report.lines[i].text);
    free(config->report.lines);
}

int config_locate_report(const struct config *config, const struct config_report *line,
                         struct error *err)
{
    return error_prefix(err, "%s line %u", config->path != NULL ? config->path : "[report]",
                        line->line);
}

void config_print_report(const struct config *config, FILE *out)
{
    if (config->report.count > 0)
        (void)fputs("\n[report]\n", out);
    for (size_t i = 0; i < config->report.count; i++) {
        const char *text = config->report.lines[i].text;
        (void)fprintf(out, "%s\n", text + strspn(text, " \t\r\v\f"));
    }
}

void config_example_report(FILE *out)
{
    (void)fputs(
        "\n[report]\n\n"
        "# Tables that a run's report has besides the usual ones, NAME = TABLE, as REPORTS.md\n"
        "# tells. A name that there is already takes that table's place; a name with nothing\n"
        "# behind the = takes it out. A line has up to 4000 bytes.\n"
        "# (live: from the next run on)\n"
        "# Such as:\n"
        "#   german_states = sum[state] of 1 when changed and countrycode == \"de\"\n"
        "#   slowest = maximum(10) of label, latency_ms weight latency_ms\n"
        "#   far = quantile(11)[countrycode] of distance_m when distance_m > 100\n"
        "#   bottleneck =\n",
        out);
}
