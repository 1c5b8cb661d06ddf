/* Country codes of three letters, as some geocoders send them, into the two that refreshd keeps. */
#ifndef REFRESHD_GEOCODER_COUNTRY_H
#define REFRESHD_GEOCODER_COUNTRY_H

#include "cachefmt/address.h"

/* country_code: "de" for "DEU" (ISO 3166-1); empty when there is no such country. Lives for ever.
 */
struct slice country_code(const char *alpha3);

#endif
