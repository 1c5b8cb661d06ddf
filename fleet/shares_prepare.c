/* Before a refresh phase: what the ledger has is compared with what counts in the fleet. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"
#include "fleet/shares_internal.h"
#include "stages/share_answers.h"

#define STEP_MS 20 /* between two looks at what is waited for */
#define TRY_AGAIN_STEPS 5

struct preparation {
    const struct shares_settings *settings;
    struct ledger *ledger;
    const char *answers_directory;
    const struct control *control;
    uint32_t count;
    struct etcd *etcd;
    pthread_mutex_t lock; /* nobody else takes it */
    struct shares_table *table;
    struct shares_holders *holders;
    int64_t reopened;
};

static void rest(void)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    (void)nanosleep(&step, NULL);
}

static int canceled(struct error *err)
{
    return error_set(err, ERROR_CANCELED, "the run was stopped");
}

/* --- a call of etcd ends when the run does ------------------------------------------------------
 */

struct guard {
    struct preparation *preparation;
    pthread_t thread;
    _Atomic bool over;
};

static void *watch_control(void *argument)
{
    struct guard *guard = argument;
    while (!guard->over && !control_ending(guard->preparation->control))
        rest();
    if (!guard->over)
        etcd_interrupt(guard->preparation->etcd);
    return NULL;
}

/* --- reading ------------------------------------------------------------------------------------
 */

static int read_part(struct preparation *preparation, const char *part, struct error *err)
{
    struct etcd_range range;
    const struct shares_picture picture = {preparation->settings->prefix,
                                           preparation->settings->name, preparation->count,
                                           preparation->table, preparation->holders};
    if (shares_get_below(preparation->etcd, preparation->settings->prefix, part, 0, &range, err) !=
        0)
        return -1;
    shares_take_in(&picture, &range, &preparation->reopened);
    etcd_range_free(&range);
    return 0;
}

/* `reopened` first: what is opened again later is noticed by its revision. */
static int read_all(struct preparation *preparation, struct error *err)
{
    preparation->reopened = 0;
    if (shares_list_live(preparation->settings->membership, preparation->holders,
                         &preparation->lock, err) != 0 ||
        read_part(preparation, "reopened", err) != 0 || read_part(preparation, "held/", err) != 0)
        return -1;
    shares_table_done_begin(preparation->table);
    if (read_part(preparation, "done/", err) != 0)
        return -1;
    shares_table_done_end(preparation->table);
    return 0;
}

static int read_in_the_end(struct preparation *preparation, struct error *err)
{
    while (!control_ending(preparation->control)) {
        if (membership_lease(preparation->settings->membership) != 0 &&
            read_all(preparation, err) == 0)
            return 0;
        for (int i = 0; i < TRY_AGAIN_STEPS && !control_ending(preparation->control); i++)
            rest();
    }
    return canceled(err);
}

/* --- comparing ----------------------------------------------------------------------------------
 */

static int begin_shares(struct preparation *preparation, uint32_t *answered, struct error *err)
{
    if (ledger_answered_by_share(preparation->ledger, answered, preparation->count, err) != 0)
        return -1;
    for (uint32_t share = 0; share < preparation->count; share++)
        shares_table_begin(preparation->table, share, answered[share]);
    return 0;
}

/* The digests of our answers, where it is known which ones count. */
static int digest_shares(struct preparation *preparation, const uint32_t *answered,
                         struct error *err)
{
    const struct shares_settings *settings = preparation->settings;
    struct pair_id digest;
    for (uint32_t share = 0; share < preparation->count; share++) {
        uint32_t points = shares_table_points(preparation->table, share);
        if (points == 0 || answered[share] < points ||
            shares_table_outcome(preparation->table, share) == NULL)
            continue;
        if (control_ending(preparation->control))
            return canceled(err);
        if (shares_digest(settings->memory, preparation->ledger, preparation->answers_directory,
                          share, points, &digest, err) != 0)
            return -1;
        shares_table_digest(preparation->table, share, &digest);
    }
    return 0;
}

/* What counts can be had: drop what we have instead. Else it is kept: it may be all there is. */
static int drop_differing(struct preparation *preparation, struct error *err)
{
    uint32_t *list = calloc((size_t)preparation->count + 1, sizeof *list);
    size_t count = 0;
    if (list == NULL)
        return error_memory(err, "point files");
    for (uint32_t share = 0; share < preparation->count; share++) {
        const struct share_outcome *outcome = shares_table_outcome(preparation->table, share);
        if (shares_table_differs(preparation->table, share) &&
            shares_holders_any(preparation->holders, share, outcome->by)) {
            shares_memory_forget(preparation->settings->memory, share);
            list[count++] = share;
        }
    }
    int result = count == 0 ? 0
                            : share_answers_drop(preparation->ledger,
                                                 preparation->answers_directory, list, count, err);
    free(list);
    return result;
}

/* Whose answers we have; whoever reads it may fetch them. Told again later when it fails now. */
static void tell_held(struct preparation *preparation)
{
    const struct shares_settings *settings = preparation->settings;
    unsigned char *bitmap = calloc(1, (size_t)preparation->count / 8 + 1);
    char *key = share_key_held(settings->prefix, settings->name);
    char *text = NULL;
    struct etcd_txn txn;
    if (bitmap != NULL) {
        uint32_t held = shares_table_held(preparation->table, bitmap);
        text = share_held_print(bitmap, preparation->count, held,
                                membership_instance(settings->membership));
    }
    if (key != NULL && text != NULL) {
        etcd_txn_begin(&txn);
        etcd_compare_created(&txn, settings->run_key, settings->run_created);
        etcd_put(&txn, key, text, 0);
        (void)etcd_commit(preparation->etcd, &txn, NULL, NULL);
    }
    free(bitmap);
    free(key);
    free(text);
}

static int compare(struct preparation *preparation, struct error *err)
{
    uint32_t *answered = calloc((size_t)preparation->count + 1, sizeof *answered);
    int result = -1;
    if (answered == NULL)
        error_memory(err, "point files");
    else if (begin_shares(preparation, answered, err) == 0 &&
             read_in_the_end(preparation, err) == 0 &&
             digest_shares(preparation, answered, err) == 0 &&
             drop_differing(preparation, err) == 0)
        result = 0;
    free(answered);
    if (result != 0)
        return -1;
    shares_memory_agree(preparation->settings->memory, preparation->reopened);
    tell_held(preparation);
    return 0;
}

static int compare_guarded(struct preparation *preparation, struct error *err)
{
    struct guard guard = {.preparation = preparation};
    if (thread_start(&guard.thread, "guard", watch_control, &guard, err) != 0)
        return -1;
    int result = compare(preparation, err);
    guard.over = true;
    (void)pthread_join(guard.thread, NULL);
    return result;
}

int shares_prepare(const struct shares_settings *settings, const struct run_record *run,
                   struct ledger *ledger, const char *answers_directory,
                   const struct control *control, struct error *err)
{
    struct preparation preparation = {
        .settings = settings,
        .ledger = ledger,
        .answers_directory = answers_directory,
        .control = control,
        .count = run->parameters.shares,
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    int result = -1;
    if (shares_memory_begin(settings->memory, run->id, preparation.count, err) == 0 &&
        shares_table_create(&preparation.table, run->counts.selected, preparation.count, err) ==
            0 &&
        shares_holders_create(&preparation.holders, preparation.count, settings->name, err) == 0 &&
        etcd_open(&preparation.etcd, &settings->etcd, err) == 0)
        result = compare_guarded(&preparation, err);
    etcd_close(preparation.etcd);
    shares_holders_free(preparation.holders);
    shares_table_free(preparation.table);
    return result;
}
