#include <errno.h>

#include "base/clock.h"
#include "cachefmt/cache.h"
#include "quadtree/morton.h"
#include "stages/learned_store.h"

#define DROP_ROWS                                                                                  \
    8192 /* looked at in one transaction, so that other writers wait a moment only                 \
          */

int learned_write_begin(struct learned *learned, MDB_txn **txn, struct error *err)
{
    int result;
    (void)pthread_mutex_lock(&learned->write);
    if (learned->broken) {
        result = error_set(err, ERROR_IO,
                           "%s could not be written before; restart refreshd to try again",
                           learned->environment.path);
    } else {
        result = mdb_txn_begin(learned->environment.env, NULL, 0, txn);
        if (result != 0)
            result = learned_error(learned, result, "begin a transaction in", err);
    }
    if (result != 0)
        (void)pthread_mutex_unlock(&learned->write);
    return result;
}

static bool is_harmless(int result)
{
    return result == ENOSPC || result == EDQUOT || result == ENOMEM || result == MDB_MAP_FULL ||
           result == MDB_TXN_FULL;
}

int learned_write_end(struct learned *learned, MDB_txn *txn, int result, struct error *err)
{
    MDB_stat stat = {0};
    if (result == 0 && (result = mdb_stat(txn, learned->points, &stat)) != 0)
        result = learned_error(learned, result, "read", err);
    if (result != 0) {
        mdb_txn_abort(txn);
    } else if ((result = mdb_txn_commit(txn)) != 0) {
        learned->broken = !is_harmless(result);
        result = learned_error(learned, result, "write", err);
    } else {
        atomic_store_explicit(&learned->count, stat.ms_entries, memory_order_release);
    }
    (void)pthread_mutex_unlock(&learned->write);
    return result;
}

/* --- putting ------------------------------------------------------------------------------ */

static int put(struct learned *learned, MDB_txn *txn, const struct entry *entry, struct error *err)
{
    unsigned char bytes[LEARNED_KEY_BYTES];
    struct record record;
    if (!point_is_valid(entry->point))
        return error_set(err, ERROR_VALUE, "coordinates out of range");
    int result = learned_encode(&record, entry, err);
    if (result == 0) {
        MDB_val key = learned_key(bytes, morton_encode(entry->point));
        MDB_val value = {record.bytes.used, record.bytes.data};
        result = mdb_put(txn, learned->points, &key, &value, 0);
        if (result != 0)
            result = learned_error(learned, result, "write", err);
    }
    record_free(&record);
    return result;
}

int learned_put(struct learned *learned, const struct entry *entries, size_t count,
                struct error *err)
{
    MDB_txn *txn;
    int result = 0;
    if (count == 0)
        return 0;
    if (learned_write_begin(learned, &txn, err) != 0)
        return -1;
    for (size_t i = 0; i < count && result == 0; i++)
        result = put(learned, txn, &entries[i], err);
    return learned_write_end(learned, txn, result, err);
}

/* --- dropping what is published ----------------------------------------------------------- */

struct drop {
    struct learned *learned;
    const struct cache *cache;
    const uint8_t *tiles; /* NULL = all */
    uint32_t forget;      /* first empty answers of before this date are forgotten */
    uint64_t next;        /* code to go on at */
    bool ended;
};

/* 1 = the cache has the entry as new or newer. */
static int is_published(const struct drop *drop, const struct entry *entry, struct error *err)
{
    const struct quadtree *tree;
    struct entry published;
    uint32_t tile = grid_tile(cache_grid(drop->cache), entry->point);
    if (drop->tiles != NULL && (drop->tiles[tile / 8] >> tile % 8 & 1) == 0)
        return 0;
    int has_entries = cache_quadtree(drop->cache, tile, &tree, err);
    if (has_entries <= 0)
        return has_entries;
    size_t row = quadtree_lower_bound(tree, morton_encode(entry->point));
    if (row >= tree->count || !point_equal(tree->points[row], entry->point))
        return 0;
    struct cache_hit hit = {.tile = tile, .row = row};
    if (cache_entry(drop->cache, &hit, &published, err) != 0)
        return -1;
    return published.refreshed_at >= entry->refreshed_at;
}

static int drop_row(const struct drop *drop, MDB_cursor *cursor, MDB_val key, MDB_val value,
                    uint64_t *dropped, struct error *err)
{
    struct entry entry;
    if (learned_decode(drop->learned, key, value, &entry, err) != 0)
        return -1;
    int published = is_published(drop, &entry, err);
    if (published < 0)
        return -1;
    if (published == 0 && !(learned_is_memory(&entry) && entry.refreshed_at < drop->forget))
        return 0;
    int result = mdb_cursor_del(cursor, 0);
    if (result != 0)
        return learned_error(drop->learned, result, "write", err);
    (*dropped)++;
    return 0;
}

static int drop_rows(struct drop *drop, MDB_txn *txn, uint64_t *dropped, struct error *err)
{
    unsigned char bytes[LEARNED_KEY_BYTES];
    MDB_cursor *cursor;
    MDB_val key = learned_key(bytes, drop->next), value;
    int result = mdb_cursor_open(txn, drop->learned->points, &cursor);
    if (result != 0)
        return learned_error(drop->learned, result, "read", err);
    result = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (unsigned row = 0; result == 0 && row < DROP_ROWS; row++) {
        uint64_t code;
        if (learned_code(drop->learned, key, &code, err) != 0 ||
            drop_row(drop, cursor, key, value, dropped, err) != 0) {
            mdb_cursor_close(cursor);
            return -1;
        }
        drop->next = code + 1;
        result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    drop->ended = result == MDB_NOTFOUND;
    return result == 0 || drop->ended ? 0 : learned_error(drop->learned, result, "read", err);
}

/* Nothing is written to the disk when no row of these goes. */
static int drop_some(struct drop *drop, uint64_t *dropped, struct error *err)
{
    MDB_txn *txn;
    uint64_t some = 0;
    if (learned_write_begin(drop->learned, &txn, err) != 0)
        return -1;
    int result = drop_rows(drop, txn, &some, err);
    if (learned_write_end(drop->learned, txn, result, err) != 0)
        return -1;
    *dropped += some;
    return 0;
}

int learned_drop_published(struct learned *learned, const struct cache *cache, const uint8_t *tiles,
                           uint64_t *dropped, struct error *err)
{
    uint32_t now = clock_unix();
    struct drop drop = {.learned = learned, .cache = cache, .tiles = tiles};
    uint64_t all = 0;
    int dead;
    drop.forget = now > LEARNED_MEMORY ? now - LEARNED_MEMORY : 0;
    (void)mdb_reader_check(learned->environment.env, &dead);
    while (!drop.ended) {
        if (drop_some(&drop, &all, err) != 0)
            return -1;
    }
    if (dropped != NULL)
        *dropped = all;
    return 0;
}
