#include "fleet/exchange_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_decimal(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_of_run(char c)
{
    return is_decimal(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
}

/* The length of the run's id at text, or 0. */
static size_t run_length(const char *text)
{
    size_t length = 0;
    while (is_of_run(text[length]))
        if (++length == RUN_ID_BYTES)
            return 0;
    return length;
}

bool exchange_run_is_valid(const char *run)
{
    size_t length = run_length(run);
    return length > 0 && run[length] == '\0';
}

/* Each of the following takes its part from the front of the rest, or returns NULL. */

static const char *take_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    return text != NULL && strncmp(text, word, length) == 0 ? text + length : NULL;
}

static const char *take_run(const char *text, char run[RUN_ID_BYTES])
{
    size_t length = text == NULL ? 0 : run_length(text);
    if (length == 0)
        return NULL;
    memcpy(run, text, length);
    run[length] = '\0';
    return text + length;
}

static const char *take_number(const char *text, uint32_t *out)
{
    uint64_t number = 0;
    if (text == NULL || !is_decimal(*text) || (*text == '0' && is_decimal(text[1])))
        return NULL;
    for (; is_decimal(*text); text++) {
        number = number * 10 + (uint64_t)(*text - '0');
        if (number > UINT32_MAX)
            return NULL;
    }
    *out = (uint32_t)number;
    return text;
}

static const char *take_digest(const char *text, struct pair_id *out)
{
    char digits[2 * PAIR_ID_BYTES + 1];
    size_t length = text == NULL ? 0 : strnlen(text, sizeof digits - 1);
    if (length < sizeof digits - 1)
        return NULL;
    memcpy(digits, text, length);
    digits[length] = '\0';
    return pair_id_parse(digits, out) ? text + length : NULL;
}

static const char *take_file(const char *text, enum exchange_kind *kind)
{
    if (text == NULL)
        return NULL;
    *kind = strcmp(text, "/idx") == 0 ? EXCHANGE_INDEX : EXCHANGE_DATA;
    return *kind == EXCHANGE_INDEX ? text + 4 : take_word(text, "/dat");
}

bool exchange_name_parse(const char *path, struct exchange_name *out)
{
    struct exchange_name name = {.kind = EXCHANGE_ANSWERS};
    const char *rest;
    if ((rest = take_word(path, "/answers/")) != NULL) {
        rest = take_word(take_run(rest, name.run), "/");
        rest = take_digest(take_word(take_number(rest, &name.number), "/"), &name.digest);
    } else if ((rest = take_word(path, "/learned/")) != NULL) {
        name.kind = EXCHANGE_LEARNED;
        rest = take_digest(take_word(take_run(rest, name.run), "/"), &name.digest);
    } else if ((rest = take_word(path, "/manifest/")) != NULL) {
        name.kind = EXCHANGE_MANIFEST;
        rest = take_digest(rest, &name.digest);
    } else if ((rest = take_word(path, "/pair/")) != NULL) {
        rest = take_digest(take_word(take_number(rest, &name.number), "/"), &name.digest);
        rest = take_file(rest, &name.kind);
    }
    if (rest == NULL || *rest != '\0')
        return false;
    *out = name;
    return true;
}

char *exchange_name_print(const struct exchange_name *name, char out[EXCHANGE_PATH_BYTES])
{
    char digest[2 * PAIR_ID_BYTES + 1];
    (void)pair_id_format(&name->digest, digest);
    switch (name->kind) {
    case EXCHANGE_ANSWERS:
        (void)snprintf(out, EXCHANGE_PATH_BYTES, "/answers/%s/%" PRIu32 "/%s", name->run,
                       name->number, digest);
        break;
    case EXCHANGE_LEARNED:
        (void)snprintf(out, EXCHANGE_PATH_BYTES, "/learned/%s/%s", name->run, digest);
        break;
    case EXCHANGE_MANIFEST:
        (void)snprintf(out, EXCHANGE_PATH_BYTES, "/manifest/%s", digest);
        break;
    case EXCHANGE_INDEX:
    case EXCHANGE_DATA:
        (void)snprintf(out, EXCHANGE_PATH_BYTES, "/pair/%" PRIu32 "/%s/%s", name->number, digest,
                       name->kind == EXCHANGE_INDEX ? "idx" : "dat");
        break;
    }
    return out;
}
