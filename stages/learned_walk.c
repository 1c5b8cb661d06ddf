#include "stages/learned_store.h"

static int give_row(struct learned *learned, MDB_val key, MDB_val value, learned_callback *call,
                    void *context, struct error *err)
{
    struct entry entry;
    if (learned_decode(learned, key, value, &entry, err) != 0)
        return -1;
    return learned_is_memory(&entry) ? 0 : call(context, &entry, err);
}

int learned_each(struct learned *learned, learned_callback *call, void *context, struct error *err)
{
    struct learned_reader *reader;
    MDB_val key, value;
    if (learned_reader_open(&reader, learned, err) != 0)
        return -1;
    int result = learned_begin(reader, err);
    if (result == 0) {
        int got;
        while ((got = mdb_cursor_get(reader->cursor, &key, &value, MDB_NEXT)) == 0 && result == 0)
            result = give_row(learned, key, value, call, context, err);
        if (result == 0 && got != MDB_NOTFOUND)
            result = learned_error(learned, got, "read", err);
        learned_end(reader);
    }
    learned_reader_close(reader);
    return result;
}
