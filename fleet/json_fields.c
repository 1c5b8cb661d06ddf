#include "fleet/json_fields.h"

#include <math.h>
#include <string.h>

void fields_wrong(struct fields *fields, const char *name)
{
    if (fields->wrong == NULL)
        fields->wrong = name;
}

int fields_parse(struct fields *fields, cJSON **root, const char *key, const char *text,
                 struct error *err)
{
    *fields = (struct fields){.key = key};
    *root = cJSON_Parse(text);
    if (!cJSON_IsObject(*root)) {
        cJSON_Delete(*root);
        *root = NULL;
        return error_set(err, ERROR_CORRUPT, "%s is not a document", key);
    }
    fields->document = *root;
    return 0;
}

int fields_done(const struct fields *fields, struct error *err)
{
    if (fields->wrong == NULL)
        return 0;
    return error_set(err, ERROR_CORRUPT, "%s: \"%s\" is missing or makes no sense", fields->key,
                     fields->wrong);
}

static const cJSON *field(const struct fields *fields, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(fields->document, name);
}

void fields_text(struct fields *fields, const char *name, char *out, size_t bytes)
{
    const char *text = cJSON_GetStringValue(field(fields, name));
    out[0] = '\0';
    if (text == NULL || strlen(text) >= bytes)
        fields_wrong(fields, name);
    else
        memcpy(out, text, strlen(text) + 1);
}

double fields_number(struct fields *fields, const char *name, double least, double most)
{
    const cJSON *item = field(fields, name);
    if (cJSON_IsNumber(item) && item->valuedouble >= least && item->valuedouble <= most)
        return item->valuedouble;
    fields_wrong(fields, name);
    return 0;
}

uint64_t fields_whole(struct fields *fields, const char *name, uint64_t most)
{
    double number = fields_number(fields, name, 0, 9007199254740992.0);
    if (number <= (double)most && number == floor(number))
        return (uint64_t)number;
    fields_wrong(fields, name);
    return 0;
}

bool fields_flag(struct fields *fields, const char *name)
{
    const cJSON *item = field(fields, name);
    if (!cJSON_IsBool(item))
        fields_wrong(fields, name);
    return cJSON_IsTrue(item);
}

void fields_digest(struct fields *fields, const char *name, struct pair_id *out)
{
    const char *text = cJSON_GetStringValue(field(fields, name));
    memset(out, 0, sizeof *out);
    if (text == NULL || !pair_id_parse(text, out))
        fields_wrong(fields, name);
}

bool run_id_is_valid(const char *id)
{
    size_t length = strlen(id);
    return length > 0 && length < RUN_ID_BYTES &&
           strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") == length;
}

void fields_run(struct fields *fields, const char *name, char out[RUN_ID_BYTES])
{
    fields_text(fields, name, out, RUN_ID_BYTES);
    if (!run_id_is_valid(out)) {
        fields_wrong(fields, name);
        out[0] = '\0';
    }
}

const cJSON *fields_list(struct fields *fields, const char *name, int most)
{
    const cJSON *list = field(fields, name);
    if (cJSON_IsArray(list) && cJSON_GetArraySize(list) <= most)
        return list->child;
    fields_wrong(fields, name);
    return NULL;
}

void fields_add_digest(cJSON *document, const char *name, const struct pair_id *digest)
{
    char text[2 * PAIR_ID_BYTES + 1];
    (void)cJSON_AddStringToObject(document, name, pair_id_format(digest, text));
}

int fields_print(cJSON *document, int count, char **text, struct error *err)
{
    bool whole = document != NULL && cJSON_GetArraySize(document) == count;
    char *printed = whole ? cJSON_PrintUnformatted(document) : NULL;
    cJSON_Delete(document);
    if (printed == NULL)
        return error_memory(err, "a document for etcd");
    *text = printed;
    return 0;
}
