#include "daemon/refreshctl_part.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* S,W,N,E. A box whose east edge is longitude 180 holds -180 as well: it is the same line. */
static int parse_box(const char *text, struct box *box, struct error *err)
{
    char copy[128], *rest = NULL;
    int32_t edges[4];
    (void)snprintf(copy, sizeof copy, "%s", text);
    char *word = strtok_r(copy, ",", &rest);
    for (int i = 0; i < 4; i++) {
        if (word == NULL || !text_parse_degrees(word, i % 2 == 0 ? 90 : 180, &edges[i]))
            return error_set(err, ERROR_USAGE, "--bbox: \"%.60s\" is not S,W,N,E in degrees", text);
        word = strtok_r(NULL, ",", &rest);
    }
    if (word != NULL || strlen(text) >= sizeof copy)
        return error_set(err, ERROR_USAGE, "--bbox: \"%.60s\" is not S,W,N,E in degrees", text);
    if (edges[0] > edges[2])
        return error_set(err, ERROR_USAGE, "--bbox: the south edge %s is north of the north edge",
                         text);
    *box = (struct box){edges[0], edges[1], edges[2], edges[3]};
    if (box->west == LONGITUDE_LIMIT)
        box->west = -LONGITUDE_LIMIT;
    if (box->east == LONGITUDE_LIMIT && box->west > -LONGITUDE_LIMIT)
        box->east = -LONGITUDE_LIMIT;
    return 0;
}

int part_parse(const struct part_words *words, const struct cache *cache, struct cache_part *out,
               struct error *err)
{
    uint64_t tile = 0;
    uint32_t tiles = grid_tiles(cache_manifest(cache)->grid);
    *out = (struct cache_part){.tile = -1, .has_box = words->box != NULL};
    if (words->tile != NULL && !text_parse_unsigned(words->tile, tiles - 1, &tile))
        return error_set(err, ERROR_USAGE, "--tile: %.40s is not a tile from 0 to %u", words->tile,
                         tiles - 1);
    if (words->tile != NULL)
        out->tile = (int64_t)tile;
    return words->box != NULL ? parse_box(words->box, &out->box, err) : 0;
}
