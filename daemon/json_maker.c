#include "daemon/json_maker.h"

#include <math.h>

struct json_maker json_make(void)
{
    struct json_maker maker = {cJSON_CreateObject(), false};
    maker.failed = maker.object == NULL;
    return maker;
}

cJSON *json_end(struct json_maker *maker)
{
    if (!maker->failed)
        return maker->object;
    cJSON_Delete(maker->object);
    return NULL;
}

void json_add(struct json_maker *maker, const char *name, cJSON *item)
{
    if (item == NULL || maker->failed || !cJSON_AddItemToObject(maker->object, name, item)) {
        cJSON_Delete(item);
        maker->failed = true;
    }
}

void json_add_count(struct json_maker *maker, const char *name, uint64_t count)
{
    json_add(maker, name, cJSON_CreateNumber((double)count));
}

void json_add_figure(struct json_maker *maker, const char *name, double figure)
{
    json_add(maker, name,
             isfinite(figure) ? cJSON_CreateNumber(round(figure * 1000) / 1000)
                              : cJSON_CreateNull());
}

void json_add_text(struct json_maker *maker, const char *name, const char *text)
{
    json_add(maker, name, text[0] != '\0' ? cJSON_CreateString(text) : cJSON_CreateNull());
}

void json_add_flag(struct json_maker *maker, const char *name, bool flag)
{
    json_add(maker, name, cJSON_CreateBool(flag));
}
