#include "tests/unit/reverse_rig.h"

#include <stdlib.h>

const struct told full_address = {
    .label = "12 High Street, Old Town, Bath BA1 2QR, Somerset, England, United Kingdom",
    .housenumber = "12",
    .street = "High Street",
    .district = "Old Town",
    .city = "Bath",
    .county = "Somerset",
    .state = "England",
    .postcode = "BA1 2QR",
    .country = "United Kingdom",
    .countrycode = "GB",
};

struct entry told_entry(const struct told *told, struct buffer *text)
{
    const char *const texts[FIELD_COUNT] = {
        told->label,  told->name,  told->housenumber, told->street,  told->district,    told->city,
        told->county, told->state, told->postcode,    told->country, told->countrycode,
    };
    struct entry entry = {
        .point = {521234567, -5000000}, .outcome = OUTCOME_FOUND, .refreshed_at = 1790000000};
    for (int field = 0; field < FIELD_COUNT; field++) {
        if (texts[field] != NULL)
            entry.address.field[field] =
                (struct slice){texts[field], (uint32_t)strlen(texts[field])};
    }
    if (address_fold(&entry.address, text, NULL) != 0)
        abort();
    return entry;
}
