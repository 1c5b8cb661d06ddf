#include "daemon/report_config.h"

#include <stdlib.h>

/* as: a word of the language that is wrong is an error of whoever wrote it. */
static void as(enum error_code code, struct error *err)
{
    if (err != NULL && err->code == ERROR_VALUE)
        err->code = code;
}

static int add_configured(struct tables *tables, const struct config *config, struct error *err)
{
    for (size_t i = 0; i < config->report.count; i++) {
        const struct config_report *line = &config->report.lines[i];
        if (tables_add(tables, line->text, err) != 0) {
            as(ERROR_CONFIG, err);
            return config_locate_report(config, line, err);
        }
    }
    return 0;
}

static int add_extra(struct tables *tables, const char *extra, struct error *err)
{
    if (extra == NULL || tables_add_lines(tables, extra, err) == 0)
        return 0;
    as(ERROR_USAGE, err);
    return -1;
}

int report_config_text(const struct config *config, const char *extra, char **out,
                       struct error *err)
{
    struct tables *tables;
    char *text = NULL;
    if (tables_parse(&tables, tables_of_a_run, err) != 0)
        return -1;
    if (add_configured(tables, config, err) == 0 && add_extra(tables, extra, err) == 0) {
        text = tables_text(tables);
        if (text == NULL)
            error_memory(err, "tables");
    }
    tables_free(tables);
    if (text == NULL)
        return -1;
    *out = text;
    return 0;
}

int report_config_check(const struct config *config, struct error *err)
{
    char *text;
    if (report_config_text(config, NULL, &text, err) != 0)
        return -1;
    free(text);
    return 0;
}
