/* A JSON object under construction: the first allocation that fails makes it NULL in the end, so
 * that nobody has to look in between.
 *
 *   struct json_maker document = json_make();
 *   json_add_count(&document, "entries", 7);
 *   cJSON *made = json_end(&document);          NULL when out of memory */
#ifndef REFRESHD_DAEMON_JSON_MAKER_H
#define REFRESHD_DAEMON_JSON_MAKER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct json_maker {
    cJSON *object;
    bool failed;
};

struct json_maker json_make(void);
cJSON *json_end(struct json_maker *maker);

/* json_add: takes the item over; NULL is out of memory. */
void json_add(struct json_maker *maker, const char *name, cJSON *item);

void json_add_count(struct json_maker *maker, const char *name, uint64_t count);

/* json_add_figure: rounded to a thousandth, since more digits say nothing and are hard to read.
 * NAN is null. */
void json_add_figure(struct json_maker *maker, const char *name, double figure);

/* json_add_text: "" is null. */
void json_add_text(struct json_maker *maker, const char *name, const char *text);

void json_add_flag(struct json_maker *maker, const char *name, bool flag);

#endif
