/* Addresses for the tests of /reverse, written as they are read: field by field. */
#ifndef REFRESHD_TESTS_REVERSE_RIG_H
#define REFRESHD_TESTS_REVERSE_RIG_H

#include "daemon/reverse.h"

/* NULL or missing = the entry lacks the field. The texts must outlive the entry. */
struct told {
    const char *label, *name, *housenumber, *street, *district, *city, *county, *state, *postcode,
        *country, *countrycode;
};

/* told_entry: an entry at 52.1234567 -0.5, refreshed at 1790000000, its label folded into text,
 * which must be freed. */
struct entry told_entry(const struct told *told, struct buffer *text);

/* Every field but the name. */
extern const struct told full_address;

#endif
