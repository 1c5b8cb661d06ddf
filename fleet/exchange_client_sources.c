#include "fleet/exchange_client_internal.h"

#define FRUITLESS 3   /* attempts in a row without a byte, after which a source is given up */
#define ATTEMPTS 1000 /* in all */
#define PAUSE 0.1     /* seconds before the second fruitless attempt; twice that before the third */

/* --- one source -------------------------------------------------------------------------- */

/* ERROR_UNREACHABLE after some bytes came: it broke, and may go on. */
int fetch_from(struct exchange_client *client, const char *address,
               const struct exchange_name *name, struct sink *sink, struct error *err)
{
    unsigned fruitless = 0;
    if (!sink->portable && sink_restart(sink, err) != 0)
        return -1;
    uint64_t begin = sink->have;
    if (sink->exact && sink->have == sink->most)
        return 0;
    for (unsigned attempt = 1;; attempt++) {
        uint64_t before = sink->have;
        if (transfer(client, address, name, sink, err) == 0)
            return 0;
        if (err->code != ERROR_UNREACHABLE || sink->have == begin || attempt == ATTEMPTS)
            return -1;
        fruitless = sink->have > before ? 0 : fruitless + 1;
        if (fruitless == FRUITLESS)
            return -1;
        struct error ended;
        if (transfer_pause(client, PAUSE * fruitless, &ended) != 0) {
            *err = ended;
            return -1;
        }
    }
}

/* --- all of them --------------------------------------------------------------------------- */

/* The more of them says what to do, the higher. */
static int weight(enum error_code code)
{
    switch (code) {
    case ERROR_MISSING:
        return 1;
    case ERROR_UNREACHABLE:
        return 2;
    case ERROR_CORRUPT:
        return 3;
    default:
        return 4;
    }
}

int each_source(struct exchange_client *client, const struct exchange_sources *sources,
                source_callback *from, void *context, struct error *err)
{
    struct error worst, own;
    (void)error_set(&worst, ERROR_MISSING, "no peer is known that could have it");
    for (size_t i = 0; i < sources->count; i++) {
        if (from(context, client, sources->addresses[i], &own) == 0)
            return 0;
        if (weight(own.code) < 4)
            (void)error_prefix(&own, "%.270s", sources->addresses[i]);
        if (i == 0 || weight(own.code) > weight(worst.code))
            worst = own;
        if (weight(own.code) == 4)
            break;
    }
    if (err != NULL)
        *err = worst;
    return -1;
}
