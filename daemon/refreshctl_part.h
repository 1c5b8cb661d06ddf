/* Which part of the cache a command is about: --tile and --bbox. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_PART_H
#define REFRESHD_DAEMON_REFRESHCTL_PART_H

#include "cachefmt/cache.h"
#include "daemon/refreshctl_session.h"

/* As typed. */
struct part_words {
    const char *tile, *box;
};

/* The rows of a table of options, where `member` of the command's words is struct part_words. */
#define PART_OPTIONS(words, member)                                                                \
    {"--tile", "N", offsetof(words, member.tile), "Only this tile"},                               \
    {                                                                                              \
        "--bbox", "S,W,N,E", offsetof(words, member.box),                                          \
            "Only the entries in this box, its edges included"                                     \
    }

struct cache_part {
    int64_t tile; /* -1 = all */
    bool has_box;
    struct box box;
};

/* part_parse: ERROR_USAGE says which option is wrong. */
int part_parse(const struct part_words *words, const struct cache *cache, struct cache_part *out,
               struct error *err);

#endif
