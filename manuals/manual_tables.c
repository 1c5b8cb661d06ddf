/* Kinds and fields of tables, as refreshctl(8) tells of them. */
#include <string.h>

#include "manuals/manuals.h"
#include "tables/field.h"
#include "tables/kind.h"

/* "sum", or "top(N)" with the N that it has without one. */
static void print_kind(const struct kind *kind, FILE *out)
{
    char text[300];
    int used = snprintf(text, sizeof text, "%c%s", kind->help[0] - 'a' + 'A', kind->help + 1);
    if (kind->help[0] < 'a' || kind->help[0] > 'z')
        used = snprintf(text, sizeof text, "%s", kind->help);
    (void)snprintf(text + used, sizeof text - (size_t)used, ".");
    (void)fprintf(out, ".It Cm %s%s\n", kind->name, kind->most_n > 0 ? "(n)" : "");
    mdoc_text(out, text);
    if (kind->most_n == 0)
        return;
    (void)snprintf(text, sizeof text, "N is %u where it is left out, and %u at most.",
                   kind->default_n, kind->most_n);
    mdoc_text(out, text);
}

void manual_kinds(FILE *out)
{
    for (const struct kind *const *kind = kinds; *kind != NULL; kind++)
        print_kind(*kind, out);
}

static const char *kind_of(const struct field *field)
{
    return field->kind == VALUE_NUMBER ? "number" : field->kind == VALUE_TRUTH ? "truth" : "text";
}

/* Twins of the one before have no help, and share its entry. */
void manual_fields(FILE *out)
{
    char text[300];
    for (size_t i = 0; i < field_count; i++) {
        bool twin = fields[i].help[0] == '\0';
        (void)fprintf(out, ".It Cm %s\n", fields[i].name);
        (void)snprintf(text, sizeof text, "%s%s(%s%s)", fields[i].help, twin ? "" : " ",
                       kind_of(&fields[i]), fields[i].in_query ? "; in a query too" : "");
        mdoc_text(out, text);
    }
}
