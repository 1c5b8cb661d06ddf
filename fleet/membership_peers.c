#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/membership_internal.h"

#define CLOCK_MOST 1e14 /* milliseconds */

/* --- entries --------------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > PEER_NAME_LIMIT)
        return false;
    for (const char *at = name; *at != '\0'; at++)
        if (*at <= ' ' || *at == '/' || *at == 0x7f)
            return false;
    return true;
}

static void free_entry(struct peer_entry *entry)
{
    free(entry->name);
    free(entry->live);
    free(entry->seen);
}

void peer_table_free(struct peer_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free_entry(&table->entries[i]);
    free(table->entries);
    *table = (struct peer_table){0};
}

/* The place of name: where it stands, or would. */
static size_t place_of(const struct peer_table *table, const char *name, bool *found)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(table->entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < table->count && strcmp(table->entries[low].name, name) == 0;
    return low;
}

static struct peer_entry *add_entry(struct peer_table *table, size_t place, const char *name)
{
    struct peer_entry *entries =
        realloc(table->entries, (table->count + 1) * sizeof *table->entries);
    if (entries == NULL)
        return NULL;
    table->entries = entries;
    char *copy = strdup(name);
    if (copy == NULL)
        return NULL;
    memmove(&entries[place + 1], &entries[place], (table->count - place) * sizeof *entries);
    entries[place] = (struct peer_entry){.name = copy};
    table->count++;
    return &entries[place];
}

static void drop_entry(struct peer_table *table, size_t place)
{
    struct peer_entry *entry = &table->entries[place];
    free_entry(entry);
    table->count--;
    memmove(entry, entry + 1, (table->count - place) * sizeof *entry);
}

/* --- documents ------------------------------------------------------------------------------- */

/* What stands behind the number of a document's clock; its end where there is none. */
static const char *behind_clock(const char *text, size_t *before)
{
    const char *clock = strstr(text, "\"clock\":");
    const char *end = clock != NULL ? clock + strlen("\"clock\":") : text + strlen(text);
    *before = (size_t)(end - text);
    return end + strspn(end, "0123456789.");
}

/* Heartbeats that bring nothing but the time wake nobody. */
static bool is_news(const char *before, const char *now)
{
    size_t old_bytes, new_bytes;
    if (before == NULL || now == NULL)
        return before != now;
    const char *old_end = behind_clock(before, &old_bytes);
    const char *new_end = behind_clock(now, &new_bytes);
    return old_bytes != new_bytes || memcmp(before, now, old_bytes) != 0 ||
           strcmp(old_end, new_end) != 0;
}

/* Put text (NULL = gone) as one of the documents of name; older news than what is known are not
 * heeded. *fresh: it was news. */
static int set_text(struct peer_table *table, const char *name, bool live, const char *text,
                    int64_t revision, bool *fresh, struct error *err)
{
    bool found;
    size_t place = place_of(table, name, &found);
    struct peer_entry *entry = found ? &table->entries[place] : NULL;
    *fresh = false;
    if (!found && (text == NULL || table->count == PEER_TABLE_LIMIT))
        return 0;
    if (!found && (entry = add_entry(table, place, name)) == NULL)
        return error_memory(err, "a peer");
    int64_t *known = live ? &entry->live_revision : &entry->seen_revision;
    char **kept = live ? &entry->live : &entry->seen;
    if (revision <= *known)
        return 0;
    char *copy = text == NULL ? NULL : strdup(text);
    if (text != NULL && copy == NULL)
        return error_memory(err, "a peer");
    table->news = table->news || is_news(*kept, text);
    free(*kept);
    *kept = copy;
    *known = revision;
    *fresh = true;
    if (entry->live == NULL && entry->seen == NULL)
        drop_entry(table, place);
    return 0;
}

static bool names_pair(const struct etcd_range *range, const char *prefix, const char *name)
{
    size_t skip = strlen(prefix);
    for (size_t i = 0; i < range->count; i++)
        if (strcmp(range->pairs[i].key + skip, name) == 0)
            return true;
    return false;
}

static int forget_missing(struct peer_table *table, const char *prefix, bool live,
                          const struct etcd_range *range, struct error *err)
{
    for (size_t i = table->count; i-- > 0;) {
        const struct peer_entry *entry = &table->entries[i];
        bool fresh;
        if ((live ? entry->live : entry->seen) != NULL && !names_pair(range, prefix, entry->name) &&
            set_text(table, entry->name, live, NULL, range->revision, &fresh, err) != 0)
            return -1;
    }
    return 0;
}

int peer_table_replace(struct peer_table *table, const char *prefix, bool live,
                       const struct etcd_range *range, double now, struct error *err)
{
    for (size_t i = 0; i < range->count; i++) {
        const struct etcd_pair *pair = &range->pairs[i];
        const char *name = pair->key + strlen(prefix);
        bool known, fresh;
        if (!is_name(name))
            continue;
        (void)place_of(table, name, &known);
        if (set_text(table, name, live, pair->value, pair->mod_revision, &fresh, err) != 0)
            return -1;
        size_t place = place_of(table, name, &known);
        if (known && fresh && table->entries[place].heard > 0)
            table->entries[place].heard = now;
    }
    return forget_missing(table, prefix, live, range, err);
}

/* --- clocks ---------------------------------------------------------------------------------- */

/* The `clock` of a document in seconds; NAN when it has none. */
static double clock_of(const char *text)
{
    cJSON *document = cJSON_Parse(text);
    const cJSON *clock = cJSON_GetObjectItemCaseSensitive(document, "clock");
    double seconds = NAN;
    if (cJSON_IsNumber(clock) && clock->valuedouble > 0 && clock->valuedouble < CLOCK_MOST)
        seconds = clock->valuedouble / 1000;
    cJSON_Delete(document);
    return seconds;
}

static void note_clock(struct peer_entry *entry, const char *text, double now)
{
    uint64_t number = (uint64_t)(now / PEER_CLOCK_SECONDS) + 1;
    size_t slot = number % PEER_CLOCK_SLOTS;
    double difference = now - clock_of(text);
    if (isnan(difference))
        return;
    if (entry->slot_number[slot] != number || difference < entry->least[slot])
        entry->least[slot] = difference;
    entry->slot_number[slot] = number;
}

/* Kept by the monotonic clock, so that setting ours is no error for a minute. */
static double clock_ahead(const struct peer_entry *entry, double now, double wall)
{
    uint64_t number = (uint64_t)(now / PEER_CLOCK_SECONDS) + 1;
    double least = NAN;
    for (size_t i = 0; i < PEER_CLOCK_SLOTS; i++)
        if (entry->slot_number[i] > 0 && entry->slot_number[i] + PEER_CLOCK_SLOTS > number)
            least = fmin(least, entry->least[i]);
    return -(least + (wall - now));
}

int peer_table_event(struct peer_table *table, const char *prefix, bool live,
                     const struct etcd_event *event, double now, struct error *err)
{
    const char *name = event->key + strlen(prefix);
    bool fresh, known;
    if (!is_name(name))
        return 0;
    if (set_text(table, name, live, event->value, event->mod_revision, &fresh, err) != 0)
        return -1;
    size_t place = place_of(table, name, &known);
    if (known && event->value != NULL) {
        table->entries[place].heard = now;
        if (live)
            note_clock(&table->entries[place], event->value, now);
    }
    return 0;
}

/* --- the list -------------------------------------------------------------------------------- */

void membership_peers_free(struct membership_peer *peers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(peers[i].name);
        cJSON_Delete(peers[i].document);
    }
    free(peers);
}

/* What is no object says nothing. */
static cJSON *parse_document(const char *text)
{
    cJSON *document = cJSON_Parse(text);
    if (cJSON_IsObject(document))
        return document;
    cJSON_Delete(document);
    return cJSON_CreateObject();
}

static bool fill_peer(const struct peer_entry *entry, double now, double wall,
                      struct membership_peer *peer)
{
    peer->name = strdup(entry->name);
    peer->document = parse_document(entry->live != NULL ? entry->live : entry->seen);
    peer->live = entry->live != NULL;
    peer->heard = entry->heard;
    peer->clock_ahead = clock_ahead(entry, now, wall);
    return peer->name != NULL && peer->document != NULL;
}

int peer_table_list(const struct peer_table *table, double now, double wall,
                    struct membership_peer **peers, size_t *count, struct error *err)
{
    struct membership_peer *made = calloc(table->count + 1, sizeof *made);
    if (made == NULL)
        return error_memory(err, "the list of peers");
    for (size_t i = 0; i < table->count; i++) {
        if (fill_peer(&table->entries[i], now, wall, &made[i]))
            continue;
        membership_peers_free(made, i + 1);
        return error_memory(err, "the list of peers");
    }
    *peers = made;
    *count = table->count;
    return 0;
}
