/* Which of several known words a mistyped one may have meant. */
#include <string.h>

#include "base/text.h"

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

/* A beginning of three letters or more is as good as one edit. */
static bool begins(const char *word, const char *candidate)
{
    size_t length = strlen(word);
    return length >= 3 && strncmp(word, candidate, length) == 0;
}

bool text_nearer(const char *word, const char *candidate, unsigned *least)
{
    unsigned distance = edit_distance(word, candidate);
    if (distance > 1 && begins(word, candidate))
        distance = 1;
    if (distance >= *least || distance > 1 + strlen(candidate) / 4)
        return false;
    *least = distance;
    return true;
}
