#include "geocoder/json_tree.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define BLOCK_NODES 1024
#define BYTES_PER_NODE 8 /* no honest JSON has more values than one for so many bytes */
#define SPARE_NODES 4096
#define PADDING 8 /* NULs behind the copy, so that eight bytes can be looked at anywhere in it */
#define NUMBER_ROOM 64
#define EXACT_DIGITS 15 /* a number of so many digits and a small exponent is exact in a double */
#define EXACT_POWER 22

/* One body being read. `at` never goes beyond the padding: every loop stops at NUL. */
struct reading {
    struct json_tree *tree;
    char *at;
    char *end; /* the first NUL of the padding */
    size_t node_limit;
    const char *why;
    unsigned depth;
    cJSON *open[JSON_NESTING]; /* containers around the present value */
    cJSON *last[JSON_NESTING]; /* the newest member of each */
};

static void *failed(struct reading *reading, const char *why)
{
    if (reading->why == NULL)
        reading->why = why;
    return NULL;
}

static bool add_block(struct json_tree *tree)
{
    cJSON **blocks = realloc(tree->blocks, (tree->block_count + 1) * sizeof *blocks);
    if (blocks == NULL)
        return false;
    tree->blocks = blocks;
    blocks[tree->block_count] = malloc(BLOCK_NODES * sizeof **blocks);
    if (blocks[tree->block_count] == NULL)
        return false;
    tree->block_count++;
    return true;
}

/* A new value, as the last member of the container it stands in. */
static cJSON *new_node(struct reading *reading, char *name)
{
    struct json_tree *tree = reading->tree;
    if (tree->used >= reading->node_limit)
        return failed(reading, "the reply holds too many values");
    if (tree->used == tree->block_count * BLOCK_NODES && !add_block(tree))
        return failed(reading, "there is no memory for the reply");
    cJSON *node = &tree->blocks[tree->used / BLOCK_NODES][tree->used % BLOCK_NODES];
    tree->used++;
    *node = (cJSON){.string = name};
    if (reading->depth > 0) {
        unsigned depth = reading->depth - 1;
        node->prev = reading->last[depth];
        if (node->prev != NULL)
            node->prev->next = node;
        else
            reading->open[depth]->child = node;
        reading->last[depth] = node;
    }
    return node;
}

static void skip_space(struct reading *reading)
{
    while (*reading->at == ' ' || *reading->at == '\n' || *reading->at == '\r' ||
           *reading->at == '\t')
        reading->at++;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits; -1 when they are none. */
static long hex_unit(const char *at)
{
    long unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static char *put_utf8(char *to, unsigned long code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (char)(leads[more] | code >> 6 * more);
    while (more-- > 0)
        *to++ = (char)(0x80 | (code >> 6 * more & 0x3F));
    return to;
}

/* decode_unit: \uXXXX at *at, or two of them for one character; *at moves behind. NULL when it is
 * broken, half a pair, or NUL. */
static char *decode_unit(char **at, char *to)
{
    long code = hex_unit(*at + 2);
    if (code <= 0 || (code >= 0xDC00 && code < 0xE000))
        return NULL;
    *at += 6;
    if (code < 0xD800 || code >= 0xE000)
        return put_utf8(to, (unsigned long)code);
    if ((*at)[0] != '\\' || (*at)[1] != 'u')
        return NULL;
    long low = hex_unit(*at + 2);
    if (low < 0xDC00 || low >= 0xE000)
        return NULL;
    *at += 6;
    return put_utf8(to, 0x10000ul + ((unsigned long)(code - 0xD800) << 10) +
                            (unsigned long)(low - 0xDC00));
}

/* decode_escape: what stands at the backslash *at. What it stands for is never longer. */
static char *decode_escape(char **at, char *to)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    char name = (*at)[1];
    if (name == 'u')
        return decode_unit(at, to);
    const char *found = name != '\0' ? strchr(names, name) : NULL;
    if (found == NULL)
        return NULL;
    *to++ = values[found - names];
    *at += 2;
    return to;
}

static uint64_t zero_bytes(uint64_t word)
{
    return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

/* The next quote, backslash or NUL. */
static char *plain_end(char *at)
{
    uint64_t word, hits;
    for (;;) {
        memcpy(&word, at, 8);
        hits = zero_bytes(word ^ UINT64_C(0x2222222222222222)) |
               zero_bytes(word ^ UINT64_C(0x5C5C5C5C5C5C5C5C)) | zero_bytes(word);
        if (hits != 0)
            return at + __builtin_ctzll(hits) / 8;
        at += 8;
    }
}

/* read_text: the text whose opening quote is at `at`, decoded and ended with NUL. */
static char *read_text(struct reading *reading)
{
    char *begin = reading->at + 1;
    char *at = plain_end(begin);
    char *to = at;
    while (*at == '\\') {
        to = decode_escape(&at, to);
        if (to == NULL)
            return failed(reading, "the reply is no JSON: a text in it is broken");
        char *plain = at;
        at = plain_end(at);
        memmove(to, plain, (size_t)(at - plain));
        to += at - plain;
    }
    if (*at != '"')
        return failed(reading, "the reply is no JSON: it ends early");
    reading->at = at + 1;
    *to = '\0';
    return begin;
}

static const char *skip_digits(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

/* number_end: behind the number at `at`; NULL when it is none by JSON's grammar. */
static const char *number_end(const char *at)
{
    const char *digits = at + (*at == '-');
    at = skip_digits(digits);
    if (at == digits || (*digits == '0' && at > digits + 1))
        return NULL;
    if (*at == '.') {
        digits = at + 1;
        at = skip_digits(digits);
        if (at == digits)
            return NULL;
    }
    if (*at == 'e' || *at == 'E') {
        digits = at + 1 + (at[1] == '+' || at[1] == '-');
        at = skip_digits(digits);
        if (at == digits)
            return NULL;
    }
    return at;
}

/* plain_number: the value of a decimal without exponent, when it is short enough to be exact. */
static bool plain_number(const char *at, const char *end, double *out)
{
    static const double powers[EXACT_POWER + 1] = {1,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    bool negative = *at == '-';
    uint64_t digits = 0;
    size_t decimals = 0;
    bool behind_point = false;
    if (end - at > EXACT_DIGITS + 2)
        return false;
    for (at += negative; at < end; at++) {
        if (*at == '.') {
            behind_point = true;
            continue;
        }
        if (*at < '0' || *at > '9')
            return false;
        digits = digits * 10 + (uint64_t)(*at - '0');
        decimals += behind_point;
    }
    if (digits >= UINT64_C(1000000000000000))
        return false;
    double value = (double)digits / powers[decimals];
    *out = negative ? -value : value;
    return true;
}

static bool read_number(struct reading *reading, cJSON *node)
{
    const char *begin = reading->at;
    const char *end = number_end(begin);
    char text[NUMBER_ROOM];
    double value;
    if (end == NULL || end - begin >= NUMBER_ROOM)
        return failed(reading, "the reply is no JSON: a number in it is broken") != NULL;
    if (!plain_number(begin, end, &value)) {
        memcpy(text, begin, (size_t)(end - begin));
        text[end - begin] = '\0';
        if (!text_parse_double(text, &value))
            return failed(reading, "the reply is no JSON: a number in it is broken") != NULL;
    }
    node->type = cJSON_Number;
    node->valuedouble = value;
    node->valueint = value >= INT_MAX ? INT_MAX : value <= INT_MIN ? INT_MIN : (int)value;
    reading->at += end - begin;
    return true;
}

static bool read_word(struct reading *reading, cJSON *node, const char *word, int type)
{
    size_t length = strlen(word);
    if (strncmp(reading->at, word, length) != 0)
        return failed(reading, "the reply is no JSON") != NULL;
    node->type = type;
    reading->at += length;
    return true;
}

static bool open_container(struct reading *reading, cJSON *node)
{
    if (reading->depth == JSON_NESTING)
        return failed(reading, "the reply is nested too deep") != NULL;
    node->type = *reading->at == '{' ? cJSON_Object : cJSON_Array;
    reading->open[reading->depth] = node;
    reading->last[reading->depth] = NULL;
    reading->depth++;
    reading->at++;
    return true;
}

/* read_value: the value at `at`; of an object or array only its beginning. */
static bool read_value(struct reading *reading, char *name)
{
    skip_space(reading);
    cJSON *node = new_node(reading, name);
    if (node == NULL)
        return false;
    switch (*reading->at) {
    case '{':
    case '[':
        return open_container(reading, node);
    case '"':
        node->type = cJSON_String;
        node->valuestring = read_text(reading);
        return node->valuestring != NULL;
    case 't':
        return read_word(reading, node, "true", cJSON_True);
    case 'f':
        return read_word(reading, node, "false", cJSON_False);
    case 'n':
        return read_word(reading, node, "null", cJSON_NULL);
    default:
        return read_number(reading, node);
    }
}

/* read_member: the next member of the innermost container, with its name if that is an object. */
static bool read_member(struct reading *reading, const cJSON *container)
{
    char *name = NULL;
    if (container->type == cJSON_Object) {
        skip_space(reading);
        if (*reading->at != '"')
            return failed(reading, "the reply is no JSON") != NULL;
        name = read_text(reading);
        if (name == NULL)
            return false;
        skip_space(reading);
        if (*reading->at != ':')
            return failed(reading, "the reply is no JSON") != NULL;
        reading->at++;
    }
    return read_value(reading, name);
}

/* read_all: the root and everything inside. */
static bool read_all(struct reading *reading)
{
    if (!read_value(reading, NULL))
        return false;
    while (reading->depth > 0) {
        const cJSON *container = reading->open[reading->depth - 1];
        char close = container->type == cJSON_Object ? '}' : ']';
        skip_space(reading);
        if (*reading->at == close) {
            reading->at++;
            reading->depth--;
            continue;
        }
        if (container->child != NULL) {
            if (*reading->at != ',')
                return failed(reading, "the reply is no JSON") != NULL;
            reading->at++;
        }
        if (!read_member(reading, container))
            return false;
    }
    skip_space(reading);
    return reading->at == reading->end || failed(reading, "the reply is no JSON") != NULL;
}

const cJSON *json_tree_read(struct json_tree *tree, const char *body, size_t size, const char **why)
{
    static const char padding[PADDING];
    struct reading reading = {.tree = tree, .node_limit = size / BYTES_PER_NODE + SPARE_NODES};
    tree->used = 0;
    buffer_clear(&tree->text);
    if (size == 0)
        failed(&reading, "the reply is empty");
    else if (memchr(body, '\0', size) != NULL)
        failed(&reading, "the reply holds a NUL");
    else if (!text_is_utf8(body, size))
        failed(&reading, "the reply is not UTF-8");
    else if (buffer_reserve(&tree->text, size + PADDING, NULL) != 0 ||
             buffer_append(&tree->text, body, size, NULL) != 0 ||
             buffer_append(&tree->text, padding, PADDING, NULL) != 0)
        failed(&reading, "there is no memory for the reply");
    if (reading.why == NULL) {
        reading.at = (char *)tree->text.data;
        reading.end = reading.at + size;
        if (read_all(&reading))
            return &tree->blocks[0][0];
    }
    *why = reading.why;
    return NULL;
}

void json_tree_free(struct json_tree *tree)
{
    for (size_t i = 0; i < tree->block_count; i++)
        free(tree->blocks[i]);
    free(tree->blocks);
    buffer_free(&tree->text);
    *tree = (struct json_tree){0};
}
