#include "base/bytes.h"
#include "quadtree/morton.h"
#include "stages/learned_store.h"

#define ENTRY_VERSION 1

MDB_val learned_key(unsigned char key[LEARNED_KEY_BYTES], uint64_t code)
{
    bytes_put64_big(key, code);
    return (MDB_val){LEARNED_KEY_BYTES, key};
}

int learned_code(const struct learned *learned, MDB_val key, uint64_t *out, struct error *err)
{
    if (key.mv_size != LEARNED_KEY_BYTES)
        return environment_damaged(&learned->environment, "a key has a wrong size", err);
    uint64_t code = bytes_get64_big(key.mv_data);
    if (!point_is_valid(morton_decode(code)))
        return environment_damaged(&learned->environment, "a key is no point", err);
    *out = code;
    return 0;
}

int learned_encode(struct record *record, const struct entry *entry, struct error *err)
{
    unsigned char key[LEARNED_KEY_BYTES];
    record_begin(record, ENTRY_VERSION);
    record_number(record, entry->outcome);
    record_number(record, entry->refreshed_at);
    for (int field = 0; field < FIELD_COUNT; field++)
        record_bytes(record, entry->address.field[field].data, entry->address.field[field].length);
    (void)learned_key(key, morton_encode(entry->point));
    return record_seal(record, key, sizeof key, err);
}

int learned_decode(const struct learned *learned, MDB_val key, MDB_val value, struct entry *out,
                   struct error *err)
{
    struct view view;
    uint64_t code;
    if (learned_code(learned, key, &code, err) != 0 ||
        environment_value(&learned->environment, key, value, ENTRY_VERSION, &view, err) != 1)
        return -1;
    struct entry entry = {.point = morton_decode(code)};
    entry.outcome = (enum outcome)view_number(&view, OUTCOME_COUNT - 1);
    entry.refreshed_at = (uint32_t)view_number(&view, UINT32_MAX);
    for (int field = 0; field < FIELD_COUNT; field++) {
        const void *text;
        uint32_t length = (uint32_t)view_slice(&view, &text, FIELD_BYTES_LIMIT);
        entry.address.field[field] = (struct slice){text, length};
    }
    if (!view_complete(&view))
        return environment_damaged(&learned->environment, "an entry makes no sense", err);
    *out = entry;
    return 0;
}
