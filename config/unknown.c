/* What was meant by a key or section that does not exist. */
#include <string.h>

#include "config/key.h"

#define LONGEST 32

/* edit_distance: insertions, deletions, replacements and swaps of neighbours that make a out of b;
 * LONGEST for words too long to matter. */
static unsigned edit_distance(const char *a, const char *b)
{
    size_t length_a = strlen(a);
    size_t length_b = strlen(b);
    unsigned rows[LONGEST + 1][LONGEST + 1];
    if (length_a > LONGEST || length_b > LONGEST)
        return LONGEST;
    for (size_t i = 0; i <= length_a; i++) {
        for (size_t j = 0; j <= length_b; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned best = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (rows[i - 1][j] + 1 < best)
                best = rows[i - 1][j] + 1;
            if (rows[i][j - 1] + 1 < best)
                best = rows[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                rows[i - 2][j - 2] + 1 < best)
                best = rows[i - 2][j - 2] + 1;
            rows[i][j] = best;
        }
    }
    return rows[length_a][length_b];
}

/* closer: remember candidate when it is nearer to word than *least, and near at all. */
static bool closer(const char *word, const char *candidate, unsigned *least)
{
    unsigned distance = edit_distance(word, candidate);
    if (distance >= *least || distance > 1 + strlen(candidate) / 4)
        return false;
    *least = distance;
    return true;
}

int config_key_unknown(const char *section, const char *name, struct error *err)
{
    const char *meant = NULL;
    const char *elsewhere = NULL;
    unsigned least = LONGEST;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (strcmp(key->section, section) == 0) {
            if (closer(name, key->name, &least))
                meant = key->name;
        } else if (elsewhere == NULL && strcmp(key->name, name) == 0) {
            elsewhere = key->section;
        }
    }
    if (elsewhere != NULL)
        return error_set(err, ERROR_CONFIG, "[%s] has no key \"%s\"; it belongs to [%s]", section,
                         name, elsewhere);
    if (meant != NULL)
        return error_set(err, ERROR_CONFIG, "[%s] has no key \"%s\"; did you mean \"%s\"?", section,
                         name, meant);
    return error_set(err, ERROR_CONFIG, "[%s] has no key \"%s\"", section, name);
}

int config_section_unknown(const char *section, struct error *err)
{
    const char *meant = NULL;
    unsigned least = LONGEST;
    for (size_t i = 0; i < config_key_count; i++) {
        if (closer(section, config_keys[i].section, &least))
            meant = config_keys[i].section;
    }
    if (meant != NULL)
        return error_set(err, ERROR_CONFIG, "there is no section [%s]; did you mean [%s]?", section,
                         meant);
    return error_set(err, ERROR_CONFIG,
                     "there is no section [%s]; use cache, refresh, gate, geocoder, lookup, http, "
                     "control or peers",
                     section);
}
