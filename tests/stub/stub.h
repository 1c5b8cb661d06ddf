/* The stub geocoder: from a request to a reply, whatever carries them. One thread. */
#ifndef REFRESHD_TESTS_STUB_STUB_H
#define REFRESHD_TESTS_STUB_STUB_H

#include "tests/stub/clients.h"
#include "tests/stub/journal.h"
#include "tests/stub/script.h"

struct stub {
    const char *provider; /* decides between providers that have the same path */
    const char *prefix;   /* of all paths; "" = none */
    const char *key;      /* NULL = anybody may ask */
    struct script script;
    struct journal journal;
    struct clients clients;
    struct rows rows; /* of the request at hand */
};

/* stub_answer: make the reply. Its delay, framing and ending are for the caller to carry out. */
void stub_answer(struct stub *stub, unsigned long long connection, const struct request *request,
                 struct reply *reply);

#endif
