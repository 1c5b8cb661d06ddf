/* The line of text for what a zoom leaves of an address. Pure functions, any thread. */
#ifndef REFRESHD_DAEMON_REVERSE_LABEL_H
#define REFRESHD_DAEMON_REVERSE_LABEL_H

#include "base/buffer.h"
#include "daemon/reverse_place.h"

/* reverse_label_print: append the line as the inside of a JSON string. With the label shown whole,
 * it is the label. Else it is the label without everything that is not a shown field, when the most
 * detailed one stands in it; else the shown fields themselves, in Nominatim's order. Plain words of
 * a label are never in a cut one: nobody knows how much they tell. */
int reverse_label_print(const struct address *address, const struct reverse_place *place,
                        struct buffer *out, struct error *err);

#endif
