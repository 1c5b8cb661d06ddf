#include "daemon/prometheus.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void append(struct prometheus *page, const char *text, size_t bytes)
{
    if (!page->failed && buffer_append(page->out, text, bytes, &page->err) != 0)
        page->failed = true;
}

static void append_text(struct prometheus *page, const char *text)
{
    append(page, text, strlen(text));
}

/* Backslashes and line breaks are escaped everywhere, quotes in the values of labels. */
static void append_escaped(struct prometheus *page, const char *text, bool quotes)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\n')
            append_text(page, "\\n");
        else if (*at == '\\')
            append_text(page, "\\\\");
        else if (*at == '"' && quotes)
            append_text(page, "\\\"");
        else
            append(page, at, 1);
    }
}

static void append_figure(struct prometheus *page, double figure)
{
    char text[40];
    if (isnan(figure))
        append_text(page, "NaN");
    else if (isinf(figure))
        append_text(page, figure > 0 ? "+Inf" : "-Inf");
    else
        append(page, text, (size_t)snprintf(text, sizeof text, "%.15g", figure));
}

static void append_count(struct prometheus *page, uint64_t count)
{
    char text[24];
    append(page, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, count));
}

/* "refreshd_entries{outcome="found"} " */
static void begin_sample(struct prometheus *page, const char *suffix, const char *label,
                         const char *value)
{
    append_text(page, page->family);
    append_text(page, suffix);
    if (label != NULL) {
        append_text(page, "{");
        append_text(page, label);
        append_text(page, "=\"");
        append_escaped(page, value, true);
        append_text(page, "\"}");
    }
    append_text(page, " ");
}

void prometheus_family(struct prometheus *page, const char *name, const char *type,
                       const char *help)
{
    page->family = name;
    append_text(page, "# HELP ");
    append_text(page, name);
    append_text(page, " ");
    append_escaped(page, help, false);
    append_text(page, "\n# TYPE ");
    append_text(page, name);
    append_text(page, " ");
    append_text(page, type);
    append_text(page, "\n");
}

void prometheus_sample(struct prometheus *page, const char *label, const char *value, double figure)
{
    begin_sample(page, "", label, value);
    append_figure(page, figure);
    append_text(page, "\n");
}

void prometheus_count(struct prometheus *page, const char *label, const char *value, uint64_t count)
{
    begin_sample(page, "", label, value);
    append_count(page, count);
    append_text(page, "\n");
}

void prometheus_one(struct prometheus *page, const char *name, const char *type, const char *help,
                    double figure)
{
    prometheus_family(page, name, type, help);
    prometheus_sample(page, NULL, NULL, figure);
}

void prometheus_histogram(struct prometheus *page, const char *name, const char *help,
                          const double *bounds, unsigned bound_count, const uint64_t *counts,
                          double sum)
{
    uint64_t total = 0;
    prometheus_family(page, name, "histogram", help);
    for (unsigned i = 0; i <= bound_count; i++) {
        char bound[40] = "+Inf";
        if (i < bound_count)
            (void)snprintf(bound, sizeof bound, "%.15g", bounds[i]);
        total += counts[i];
        begin_sample(page, "_bucket", "le", bound);
        append_count(page, total);
        append_text(page, "\n");
    }
    begin_sample(page, "_sum", NULL, NULL);
    append_figure(page, sum);
    append_text(page, "\n");
    begin_sample(page, "_count", NULL, NULL);
    append_count(page, total);
    append_text(page, "\n");
}

int prometheus_end(const struct prometheus *page, struct error *err)
{
    if (!page->failed)
        return 0;
    if (err != NULL)
        *err = page->err;
    return -1;
}
