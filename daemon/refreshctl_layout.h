/* Rows of cells in aligned columns: columns of numbers to the right, all else to the left.
 *
 *   struct layout layout = {0};
 *   layout_cell(&layout, "fr", false, err); layout_cell(&layout, "1,234", true, err);
 *   layout_end(&layout, err);                       the row; rows may have different lengths
 *   layout_print(&layout, out, err);
 *   layout_free(&layout); */
#ifndef REFRESHD_DAEMON_REFRESHCTL_LAYOUT_H
#define REFRESHD_DAEMON_REFRESHCTL_LAYOUT_H

#include <stdbool.h>

#include "base/buffer.h"

#define LAYOUT_WIDEST 48 /* characters of a cell; longer ones are cut and end in … */

struct layout {
    struct buffer text;  /* of all cells */
    struct buffer cells; /* struct layout_cell */
    bool headed;         /* the first row names the columns, and so does not say what is in them */
};

/* layout_cell: the next cell of the row, of UTF-8. What a terminal would obey is shown as ?. */
int layout_cell(struct layout *layout, const char *text, bool number, struct error *err);
int layout_end(struct layout *layout, struct error *err);

/* layout_print: append the rows, indented by two. */
int layout_print(const struct layout *layout, struct buffer *out, struct error *err);
void layout_free(struct layout *layout);

#endif
