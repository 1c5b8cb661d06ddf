#include "tests/unit/pretend_etcd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN_GOOD 0
#define TURN_REQUEST_LOST 1
#define TURN_REPLY_LOST 2
#define TURN_LATE 3

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

/* --- the store ----------------------------------------------------------------------------- */

static struct etcd_pair *find(const struct pretend_store *store, const char *key)
{
    for (size_t i = 0; i < store->count; i++)
        if (strcmp(store->pairs[i].key, key) == 0)
            return &store->pairs[i];
    return NULL;
}

const struct etcd_pair *pretend_find(const struct pretend_store *store, const char *key)
{
    return find(store, key);
}

static void erase(struct pretend_store *store, struct etcd_pair *pair)
{
    free(pair->key);
    free(pair->value);
    *pair = store->pairs[--store->count];
}

static void put(struct pretend_store *store, const struct pretend_operation *operation)
{
    struct etcd_pair *pair = find(store, operation->key);
    if (pair == NULL) {
        if (store->count == store->room) {
            store->room = store->room * 2 + 16;
            store->pairs = must(reallocarray(store->pairs, store->room, sizeof *store->pairs));
        }
        pair = &store->pairs[store->count++];
        *pair = (struct etcd_pair){.key = must(strdup(operation->key)),
                                   .create_revision = store->revision};
    }
    free(pair->value);
    pair->value = must(strdup(operation->value));
    pair->mod_revision = store->revision;
    pair->lease = operation->number;
}

static void erase_prefix(struct pretend_store *store, const char *prefix)
{
    for (size_t i = store->count; i-- > 0;)
        if (strncmp(store->pairs[i].key, prefix, strlen(prefix)) == 0)
            erase(store, &store->pairs[i]);
}

void pretend_lease_ends(struct pretend_store *store, int64_t lease)
{
    store->revision++;
    for (size_t i = store->count; i-- > 0;)
        if (store->pairs[i].lease == lease)
            erase(store, &store->pairs[i]);
}

static bool holds(const struct pretend_store *store, const struct pretend_operation *operation)
{
    const struct etcd_pair *pair = find(store, operation->key);
    switch (operation->kind) {
    case OPERATION_ABSENT:
        return pair == NULL;
    case OPERATION_CREATED:
        return pair != NULL && pair->create_revision == operation->number;
    case OPERATION_MODIFIED:
        return pair != NULL && pair->mod_revision == operation->number;
    default:
        return true;
    }
}

static void change(struct pretend_store *store, const struct pretend_operation *operation)
{
    struct etcd_pair *pair = find(store, operation->key);
    if (operation->kind == OPERATION_PUT)
        put(store, operation);
    else if (operation->kind == OPERATION_DELETE && pair != NULL)
        erase(store, pair);
    else if (operation->kind == OPERATION_DELETE_PREFIX)
        erase_prefix(store, operation->key);
}

/* 1 = done, 0 = a comparison failed, -1 = a lease is gone. */
static int execute(struct pretend_store *store, const struct pretend_request *request)
{
    for (size_t i = 0; i < request->count; i++)
        if (!holds(store, &request->operations[i]))
            return 0;
    for (size_t i = 0; i < request->count; i++)
        if (request->operations[i].kind == OPERATION_PUT && request->operations[i].number != 0 &&
            !store->lease_lives(store->context, request->operations[i].number))
            return -1;
    store->revision++;
    if (store->committed != NULL)
        store->committed(store->context, request);
    for (size_t i = 0; i < request->count; i++)
        change(store, &request->operations[i]);
    return 1;
}

static void drop(struct pretend_request *request)
{
    for (size_t i = 0; i < request->count; i++)
        free(request->operations[i].value);
    free(request->operations);
    *request = (struct pretend_request){0};
}

void pretend_arrive(struct pretend_store *store, size_t which, bool lost)
{
    struct pretend_request request = store->late[which];
    store->late[which] = store->late[--store->late_count];
    if (!lost)
        (void)execute(store, &request);
    drop(&request);
}

void pretend_store_free(struct pretend_store *store)
{
    while (store->late_count > 0)
        drop(&store->late[--store->late_count]);
    while (store->count > 0)
        erase(store, &store->pairs[0]);
    free(store->pairs);
}

/* --- a client ------------------------------------------------------------------------------- */

static int no_answer(struct error *err)
{
    return error_set(err, ERROR_UNREACHABLE, "etcd does not answer");
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct etcd_pair *)a)->key, ((const struct etcd_pair *)b)->key);
}

static int read_range(struct etcd *etcd, const char *key, bool prefix, struct etcd_range *out,
                      struct error *err)
{
    if (etcd->turn(etcd->context) != TURN_GOOD)
        return no_answer(err);
    const struct pretend_store *store = etcd->store;
    size_t bytes = strlen(key) + !prefix;
    *out = (struct etcd_range){.revision = store->revision};
    out->pairs = must(calloc(store->count + 1, sizeof *out->pairs));
    for (size_t i = 0; i < store->count; i++) {
        if (strncmp(store->pairs[i].key, key, bytes) != 0)
            continue;
        struct etcd_pair *pair = &out->pairs[out->count++];
        *pair = store->pairs[i];
        pair->key = must(strdup(pair->key));
        pair->value = must(strdup(pair->value));
    }
    qsort(out->pairs, out->count, sizeof *out->pairs, by_key);
    if (etcd->turn(etcd->context) == TURN_GOOD)
        return 0;
    etcd_range_free(out);
    return no_answer(err);
}

int etcd_get(struct etcd *etcd, const char *key, struct etcd_range *out, struct error *err)
{
    return read_range(etcd, key, false, out, err);
}

int etcd_get_prefix(struct etcd *etcd, const char *prefix, int64_t min_mod_revision,
                    struct etcd_range *out, struct error *err)
{
    (void)min_mod_revision;
    return read_range(etcd, prefix, true, out, err);
}

void etcd_range_free(struct etcd_range *range)
{
    for (size_t i = 0; i < range->count; i++) {
        free(range->pairs[i].key);
        free(range->pairs[i].value);
    }
    free(range->pairs);
    *range = (struct etcd_range){0};
}

/* Operations lie one after the other in txn->success. */
void etcd_txn_begin(struct etcd_txn *txn)
{
    *txn = (struct etcd_txn){0};
}

static void add(struct etcd_txn *txn, int kind, const char *key, const char *value, int64_t number)
{
    struct pretend_operation operation = {.kind = kind, .number = number};
    (void)snprintf(operation.key, sizeof operation.key, "%s", key);
    if (value != NULL)
        operation.value = must(strdup(value));
    if (buffer_append(&txn->success, &operation, sizeof operation, NULL) != 0)
        abort();
    if (kind >= OPERATION_PUT)
        txn->changes++;
    else
        txn->comparisons++;
}

void etcd_compare_absent(struct etcd_txn *txn, const char *key)
{
    add(txn, OPERATION_ABSENT, key, NULL, 0);
}

void etcd_compare_created(struct etcd_txn *txn, const char *key, int64_t create_revision)
{
    add(txn, OPERATION_CREATED, key, NULL, create_revision);
}

void etcd_compare_modified(struct etcd_txn *txn, const char *key, int64_t mod_revision)
{
    add(txn, OPERATION_MODIFIED, key, NULL, mod_revision);
}
void etcd_compare_read(struct etcd_txn *txn, const char *key, int64_t mod_revision)
{
    if (mod_revision == 0)
        etcd_compare_absent(txn, key);
    else
        etcd_compare_modified(txn, key, mod_revision);
}

void etcd_put(struct etcd_txn *txn, const char *key, const char *value, int64_t lease)
{
    add(txn, OPERATION_PUT, key, value, lease);
}

void etcd_delete(struct etcd_txn *txn, const char *key)
{
    add(txn, OPERATION_DELETE, key, NULL, 0);
}

void etcd_delete_prefix(struct etcd_txn *txn, const char *prefix)
{
    add(txn, OPERATION_DELETE_PREFIX, prefix, NULL, 0);
}

static struct pretend_request take(struct etcd_txn *txn)
{
    struct pretend_request request = {.count = txn->success.used / sizeof *request.operations};
    request.operations = must(calloc(request.count + 1, sizeof *request.operations));
    if (request.count > 0)
        memcpy(request.operations, txn->success.data, txn->success.used);
    buffer_free(&txn->success);
    return request;
}

int etcd_commit(struct etcd *etcd, struct etcd_txn *txn, int64_t *revision, struct error *err)
{
    struct pretend_request request = take(txn);
    struct pretend_store *store = etcd->store;
    int turn = etcd->turn(etcd->context), done = -1;
    if (turn == TURN_LATE && store->late_count < PRETEND_LATE) {
        store->late[store->late_count++] = request;
        return no_answer(err);
    }
    if (turn == TURN_GOOD || turn == TURN_REPLY_LOST)
        done = execute(store, &request);
    drop(&request);
    if (revision != NULL)
        *revision = store->revision;
    if (turn != TURN_GOOD)
        return no_answer(err);
    return done >= 0 ? done : error_set(err, ERROR_MISSING, "the lease is gone");
}

void etcd_txn_drop(struct etcd_txn *txn)
{
    struct pretend_request request = take(txn);
    drop(&request);
}
