#include "daemon/log_repeat.h"

#include <stddef.h>

/* FNV-1a; never 0. */
static uint64_t hash(const char *text)
{
    uint64_t value = 0xCBF29CE484222325ULL;
    for (; *text != '\0'; text++)
        value = (value ^ (unsigned char)*text) * 0x100000001B3ULL;
    return value | 1;
}

static struct log_repeated *find(struct log_repeat *repeat, uint64_t event)
{
    struct log_repeated *oldest = &repeat->events[0];
    for (size_t i = 0; i < LOG_REPEAT_EVENTS; i++) {
        struct log_repeated *at = &repeat->events[i];
        if (at->event == event)
            return at;
        if (at->event == 0 || (oldest->event != 0 && at->since < oldest->since))
            oldest = at;
    }
    *oldest = (struct log_repeated){.event = event};
    return oldest;
}

static bool is_known(const struct log_repeated *repeated, uint64_t line)
{
    for (unsigned i = 0; i < repeated->count; i++)
        if (repeated->lines[i] == line)
            return true;
    return false;
}

bool log_repeat_allows(struct log_repeat *repeat, const char *event, const char *text, double now,
                       unsigned *left_out)
{
    struct log_repeated *repeated = find(repeat, hash(event));
    uint64_t line = hash(text);
    *left_out = 0;
    if (repeated->count > 0 && now - repeated->since >= LOG_REPEAT_SECONDS) {
        *left_out = repeated->left_out;
        repeated->count = 0;
        repeated->left_out = 0;
    }
    if (repeated->count == LOG_REPEAT_LINES || is_known(repeated, line)) {
        repeated->left_out++;
        return false;
    }
    if (repeated->count == 0)
        repeated->since = now;
    repeated->lines[repeated->count++] = line;
    return true;
}
