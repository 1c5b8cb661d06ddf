#include "cachefmt/box_rows.h"

#include "quadtree/morton.h"

struct box box_normal(struct box box)
{
    if (box.west == LONGITUDE_LIMIT) {
        box.west = -LONGITUDE_LIMIT;
        if (box.east == LONGITUDE_LIMIT)
            box.east = -LONGITUDE_LIMIT;
    }
    if (box.east == LONGITUDE_LIMIT && box.west > -LONGITUDE_LIMIT)
        box.east = -LONGITUDE_LIMIT;
    return box;
}

/* Narrow tile to the part of it that lies in box: false when there is none. A box over the
 * antimeridian narrows the latitudes alone. */
static bool clip(struct box *tile, struct box box)
{
    tile->south = box.south > tile->south ? box.south : tile->south;
    tile->north = box.north < tile->north ? box.north : tile->north;
    if (box.west > box.east)
        return tile->south <= tile->north && (tile->east >= box.west || tile->west <= box.east);
    tile->west = box.west > tile->west ? box.west : tile->west;
    tile->east = box.east < tile->east ? box.east : tile->east;
    return tile->south <= tile->north && tile->west <= tile->east;
}

/* A Morton code grows with each coordinate, so the codes of two opposite corners bound those of all
 * points between. */
int box_rows(const struct pair *pair, struct box box, uint64_t *begin, uint64_t *end,
             struct error *err)
{
    const struct pair_info *info = pair_info(pair);
    const struct quadtree *tree;
    struct box part = grid_tile_box(info->grid, info->tile);
    if (!clip(&part, box)) {
        *begin = *end = 0;
        return 0;
    }
    if (pair_quadtree(pair, &tree, err) != 0)
        return -1;
    if (part.east >= LONGITUDE_LIMIT)
        part.east = LONGITUDE_LIMIT - 1;
    struct point low = {part.south, part.west};
    struct point high = {part.north, part.east};
    *begin = quadtree_lower_bound(tree, morton_encode(low));
    *end = quadtree_lower_bound(tree, morton_encode(high) + 1);
    return 0;
}
