#include "tables/kinds.h"

#include <string.h>

#include "tables/cells.h"

const struct kind *const kinds[] = {
    &kind_sum, &kind_count,  &kind_mean,   &kind_minimum,    &kind_maximum, &kind_quantile,
    &kind_top, &kind_unique, &kind_sample, &kind_collection, NULL,
};

const struct kind *kind_find(const char *name, size_t length)
{
    for (const struct kind *const *kind = kinds; *kind != NULL; kind++)
        if (strlen((*kind)->name) == length && memcmp((*kind)->name, name, length) == 0)
            return *kind;
    return NULL;
}

bool kind_fits(const struct kind *kind, const struct kind_shape *shape)
{
    return kind->most_charge == NULL || kind->most_charge(shape) <= CELLS_BYTES - CELLS_CELL_BYTES;
}
