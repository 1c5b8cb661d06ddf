/* What the builder of a segment collects: distinct strings and distinct places, numbered from 1 in
 * the order of their first use. Number 0 is the missing string and the place without any field,
 * which are never looked up. Internal to cachefmt. Zeroed structs are empty and ready. */
#ifndef REFRESHD_CACHEFMT_PAIR_DICTIONARY_H
#define REFRESHD_CACHEFMT_PAIR_DICTIONARY_H

#include "cachefmt/address.h"
#include "cachefmt/pair_segment.h"

/* Open addressing, linear probing. A slot is 0 (free) or the number in its low bits and bits of the
 * hash above, so that most mismatches are seen without a look at the text. */
struct slots {
    uint32_t *slot;
    uint32_t mask; /* size - 1; sizes are powers of two */
};

struct dictionary {
    char *text;
    uint32_t text_used, text_room;
    uint32_t *offsets; /* strings + 1; none while strings is 0 */
    uint32_t strings, offsets_room;
    uint32_t previous; /* the number given last; its text is */
    uint32_t previous_start, previous_length;
    struct slots slots;
};

struct place_set {
    uint32_t *places; /* PLACE_TEXTS numbers each */
    uint32_t count, room;
    struct slots slots;
};

/* text_same: equal bytes, at least one; inlined because most strings are short and most are equal.
 */
static inline bool text_same(const char *a, const char *b, uint32_t length)
{
    uint64_t a8, b8, c8, d8;
    uint32_t a4, b4, c4, d4;
    if (length > 16)
        return memcmp(a, b, length) == 0;
    if (length >= 8) {
        memcpy(&a8, a, 8);
        memcpy(&b8, b, 8);
        memcpy(&c8, a + length - 8, 8);
        memcpy(&d8, b + length - 8, 8);
        return a8 == b8 && c8 == d8;
    }
    if (length >= 4) {
        memcpy(&a4, a, 4);
        memcpy(&b4, b, 4);
        memcpy(&c4, a + length - 4, 4);
        memcpy(&d4, b + length - 4, 4);
        return a4 == b4 && c4 == d4;
    }
    return a[0] == b[0] && a[length / 2] == b[length / 2] && a[length - 1] == b[length - 1];
}

/* dictionary_is: has text the number id (not 0)? */
static inline bool dictionary_is(const struct dictionary *dictionary, uint32_t id,
                                 struct slice text)
{
    uint32_t start = dictionary->offsets[id - 1];
    return dictionary->offsets[id] - start == text.length &&
           text_same(dictionary->text + start, text.data, text.length);
}

/* dictionary_find: leaves in dictionary->previous the number of text (not empty), which is added
 * when new. */
int dictionary_find(struct dictionary *dictionary, struct slice text, struct error *err);

/* dictionary_number: the number of any text, in dictionary->previous; *repeats tells whether that
 * is what it was before. */
static inline int dictionary_number(struct dictionary *dictionary, struct slice text, bool *repeats,
                                    struct error *err)
{
    *repeats = dictionary->previous_length == text.length &&
               (text.length == 0 ||
                text_same(dictionary->text + dictionary->previous_start, text.data, text.length));
    if (*repeats)
        return 0;
    if (text.length > 0)
        return dictionary_find(dictionary, text, err);
    dictionary->previous = 0;
    dictionary->previous_start = 0;
    dictionary->previous_length = 0;
    return 0;
}

void dictionary_clear(struct dictionary *dictionary);
void dictionary_free(struct dictionary *dictionary);

/* place_find: the number of a place with any field, which is added when new. */
int place_find(struct place_set *set, const uint32_t place[PLACE_TEXTS], uint32_t *number,
               struct error *err);

void place_clear(struct place_set *set);
void place_free(struct place_set *set);

#endif
