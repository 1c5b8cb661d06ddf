/* JSON (RFC 8259) read into cJSON's own nodes, for replies: cJSON's reading functions work on the
 * tree, which costs less than a fifth of what cJSON_Parse and cJSON_Delete do, because nodes and
 * texts lie in blocks that the next tree uses again. The tree can't be changed and must not be
 * cJSON_Deleted.
 *
 *   struct json_tree tree = {0};
 *   const cJSON *root = json_tree_read(&tree, body, size, &why);
 *   json_tree_free(&tree);
 *
 * One thread at a time. */
#ifndef REFRESHD_GEOCODER_JSON_TREE_H
#define REFRESHD_GEOCODER_JSON_TREE_H

#include <cjson/cJSON.h>

#include "base/buffer.h"

#define JSON_NESTING 32u /* deepest that is read */

struct json_tree {
    cJSON **blocks; /* of equally many nodes */
    size_t block_count;
    struct buffer text; /* a copy of the body, texts decoded in place */
};

/* json_tree_read: the root, which lives until the next call; NULL when the body is not JSON, is
 * nested too deep, has a text that is not UTF-8 or holds NUL, or has more values than honest JSON
 * of its size; *why then says what is wrong. Object members with the same name all stay. The
 * valueint of a text is its length in bytes. */
const cJSON *json_tree_read(struct json_tree *tree, const char *body, size_t size,
                            const char **why);

/* json_tree_free: release the memory; the tree is usable again. */
void json_tree_free(struct json_tree *tree);

#endif
