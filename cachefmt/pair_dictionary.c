#include "cachefmt/pair_dictionary.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SLOT_NUMBER_BITS 18 /* numbers are at most PAIR_SEGMENT_ROWS */
#define SLOT_NUMBER_MASK ((1u << SLOT_NUMBER_BITS) - 1)
#define FIRST_SLOTS 64u
#define PLACE_BYTES (PLACE_TEXTS * sizeof(uint32_t))

static inline uint32_t slot_make(uint64_t hash, uint32_t number)
{
    return (uint32_t)(hash >> 32) << SLOT_NUMBER_BITS | number;
}

static inline bool slot_may_be(uint32_t slot, uint64_t hash)
{
    return slot >> SLOT_NUMBER_BITS ==
           ((uint32_t)(hash >> 32) << SLOT_NUMBER_BITS) >> SLOT_NUMBER_BITS;
}

static inline uint32_t slot_number(uint32_t slot)
{
    return slot & SLOT_NUMBER_MASK;
}

static void slot_insert(struct slots *slots, uint64_t hash, uint32_t number)
{
    uint32_t at = (uint32_t)hash & slots->mask;
    while (slots->slot[at] != 0)
        at = (at + 1) & slots->mask;
    slots->slot[at] = slot_make(hash, number);
}

static void slots_clear(struct slots *slots)
{
    if (slots->slot != NULL)
        memset(slots->slot, 0, ((size_t)slots->mask + 1) * sizeof *slots->slot);
}

/* Replace the slots with empty ones, twice as many; the caller fills them again. */
static int slots_grow(struct slots *slots, struct error *err)
{
    uint32_t size = slots->slot == NULL ? FIRST_SLOTS : 2 * (slots->mask + 1);
    uint32_t *slot = calloc(size, sizeof *slot);
    if (slot == NULL)
        return error_memory(err, "a dictionary");
    free(slots->slot);
    slots->slot = slot;
    slots->mask = size - 1;
    return 0;
}

static bool slots_are_short(const struct slots *slots, uint32_t numbers)
{
    return slots->slot == NULL || numbers >= (slots->mask + 1) / 2;
}

/* Make room in an array of `size`-byte elements for `need` of them. */
static int grow_array(void **array, uint32_t *room, uint32_t need, size_t size, struct error *err)
{
    if (need <= *room)
        return 0;
    uint32_t larger = *room < 64 ? 64 : *room;
    while (larger < need)
        larger *= 2;
    void *memory = realloc(*array, larger * size);
    if (memory == NULL)
        return error_memory(err, "a dictionary");
    *array = memory;
    *room = larger;
    return 0;
}

static uint64_t dictionary_hash(const struct dictionary *dictionary, uint32_t id)
{
    uint32_t start = dictionary->offsets[id - 1];
    return XXH3_64bits(dictionary->text + start, dictionary->offsets[id] - start);
}

static int dictionary_grow(struct dictionary *dictionary, struct error *err)
{
    if (slots_grow(&dictionary->slots, err) != 0)
        return -1;
    for (uint32_t id = 1; id <= dictionary->strings; id++)
        slot_insert(&dictionary->slots, dictionary_hash(dictionary, id), id);
    return 0;
}

static inline void remember(struct dictionary *dictionary, uint32_t id)
{
    dictionary->previous = id;
    dictionary->previous_start = dictionary->offsets[id - 1];
    dictionary->previous_length = dictionary->offsets[id] - dictionary->previous_start;
}

static int dictionary_add(struct dictionary *dictionary, struct slice text, uint64_t hash,
                          struct error *err)
{
    void *offsets = dictionary->offsets;
    void *bytes = dictionary->text;
    int result = grow_array(&offsets, &dictionary->offsets_room, dictionary->strings + 2,
                            sizeof *dictionary->offsets, err);
    dictionary->offsets = offsets;
    if (result == 0)
        result = grow_array(&bytes, &dictionary->text_room, dictionary->text_used + text.length + 1,
                            1, err);
    dictionary->text = bytes;
    if (result != 0)
        return -1;
    memcpy(dictionary->text + dictionary->text_used, text.data, text.length);
    uint32_t id = ++dictionary->strings;
    dictionary->offsets[id - 1] = dictionary->text_used;
    dictionary->text_used += text.length;
    dictionary->offsets[id] = dictionary->text_used;
    slot_insert(&dictionary->slots, hash, id);
    remember(dictionary, id);
    return 0;
}

int dictionary_find(struct dictionary *dictionary, struct slice text, struct error *err)
{
    if (slots_are_short(&dictionary->slots, dictionary->strings) &&
        dictionary_grow(dictionary, err) != 0)
        return -1;
    uint64_t hash = XXH3_64bits(text.data, text.length);
    const struct slots *slots = &dictionary->slots;
    for (uint32_t at = (uint32_t)hash & slots->mask; slots->slot[at] != 0;
         at = (at + 1) & slots->mask) {
        uint32_t slot = slots->slot[at];
        if (slot_may_be(slot, hash) && dictionary_is(dictionary, slot_number(slot), text)) {
            remember(dictionary, slot_number(slot));
            return 0;
        }
    }
    return dictionary_add(dictionary, text, hash, err);
}

void dictionary_clear(struct dictionary *dictionary)
{
    dictionary->strings = 0;
    dictionary->text_used = 0;
    dictionary->previous = 0;
    dictionary->previous_start = 0;
    dictionary->previous_length = 0;
    slots_clear(&dictionary->slots);
}

void dictionary_free(struct dictionary *dictionary)
{
    free(dictionary->text);
    free(dictionary->offsets);
    free(dictionary->slots.slot);
    *dictionary = (struct dictionary){0};
}

static const uint32_t *place_at(const struct place_set *set, uint32_t number)
{
    return set->places + (size_t)(number - 1) * PLACE_TEXTS;
}

static int place_grow(struct place_set *set, struct error *err)
{
    if (slots_grow(&set->slots, err) != 0)
        return -1;
    for (uint32_t i = 1; i <= set->count; i++)
        slot_insert(&set->slots, XXH3_64bits(place_at(set, i), PLACE_BYTES), i);
    return 0;
}

static int place_add(struct place_set *set, const uint32_t place[PLACE_TEXTS], uint64_t hash,
                     uint32_t *number, struct error *err)
{
    void *places = set->places;
    int result = grow_array(&places, &set->room, set->count + 1, PLACE_BYTES, err);
    set->places = places;
    if (result != 0)
        return -1;
    memcpy(set->places + (size_t)set->count * PLACE_TEXTS, place, PLACE_BYTES);
    *number = ++set->count;
    slot_insert(&set->slots, hash, *number);
    return 0;
}

int place_find(struct place_set *set, const uint32_t place[PLACE_TEXTS], uint32_t *number,
               struct error *err)
{
    if (slots_are_short(&set->slots, set->count) && place_grow(set, err) != 0)
        return -1;
    uint64_t hash = XXH3_64bits(place, PLACE_BYTES);
    const struct slots *slots = &set->slots;
    for (uint32_t at = (uint32_t)hash & slots->mask; slots->slot[at] != 0;
         at = (at + 1) & slots->mask) {
        uint32_t slot = slots->slot[at];
        if (slot_may_be(slot, hash) &&
            memcmp(place_at(set, slot_number(slot)), place, PLACE_BYTES) == 0) {
            *number = slot_number(slot);
            return 0;
        }
    }
    return place_add(set, place, hash, number, err);
}

void place_clear(struct place_set *set)
{
    set->count = 0;
    slots_clear(&set->slots);
}

void place_free(struct place_set *set)
{
    free(set->places);
    free(set->slots.slot);
    *set = (struct place_set){0};
}
