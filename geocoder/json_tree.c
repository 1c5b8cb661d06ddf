#include "geocoder/json_tree.h"

#include <emmintrin.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define BLOCK_NODES 1024
#define BYTES_PER_NODE 8 /* no honest JSON has more values than one for so many bytes */
#define SPARE_NODES 4096
#define PADDING 16 /* NULs behind the copy, so that 16 bytes can be looked at anywhere in it */
#define NUMBER_ROOM 64
#define NO_CHARACTER ' ' /* what next_character never finds */
#define MOST_DIGITS 19   /* a number of so many digits fits in 64 bits */
#define EXACT_NUMBER (UINT64_C(1) << 53)
#define EXACT_POWER 22 /* powers of ten up to this one are exact in a double */

/* One body being read. `at` never goes beyond the padding: every loop stops at NUL. */
struct reading {
    struct json_tree *tree;
    char *at;
    char *end;     /* the first NUL of the padding */
    cJSON *unused; /* the rest of the newest block */
    cJSON *unused_end;
    size_t blocks; /* taken into use */
    size_t node_limit;
    const char *why;
    unsigned depth;
    char close;                /* what ends the innermost container */
    cJSON *newest;             /* of the innermost container's members, or NULL */
    cJSON *open[JSON_NESTING]; /* containers around the present value */
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

/* next_block: make room for values, never for more than the limit. */
static bool next_block(struct reading *reading)
{
    struct json_tree *tree = reading->tree;
    size_t taken = reading->blocks * BLOCK_NODES;
    if (taken >= reading->node_limit)
        return failed(reading, "the reply holds too many values") != NULL;
    if (reading->blocks == tree->block_count && !add_block(tree))
        return failed(reading, "there is no memory for the reply") != NULL;
    size_t left = reading->node_limit - taken;
    reading->unused = tree->blocks[reading->blocks++];
    reading->unused_end = reading->unused + (left < BLOCK_NODES ? left : BLOCK_NODES);
    return true;
}

/* A new value, as the last member of the container it stands in. */
static cJSON *new_node(struct reading *reading, char *name)
{
    if (reading->unused == reading->unused_end && !next_block(reading))
        return NULL;
    cJSON *node = reading->unused++;
    *node = (cJSON){.string = name, .prev = reading->newest};
    if (reading->newest != NULL)
        reading->newest->next = node;
    else if (reading->depth > 0)
        reading->open[reading->depth - 1]->child = node;
    reading->newest = node;
    return node;
}

static char skip_space(struct reading *reading)
{
    while (*reading->at == ' ' || *reading->at == '\n' || *reading->at == '\r' ||
           *reading->at == '\t')
        reading->at++;
    return *reading->at;
}

/* The next character that is no space. */
static inline char next_character(struct reading *reading)
{
    char next = *reading->at;
    return next > ' ' ? next : skip_space(reading);
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

/* The next quote, backslash or NUL. */
static inline char *plain_end(char *at)
{
    for (;; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i hits = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                    _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')),
                                                 _mm_cmpeq_epi8(bytes, _mm_setzero_si128())));
        int mask = _mm_movemask_epi8(hits);
        if (mask != 0)
            return at + __builtin_ctz((unsigned)mask);
    }
}

/* decode_text: the rest of a text, from its first backslash *at on, decoded in place. Returns its
 * end; *at moves to its end as it was written. NULL when an escape is broken. */
static char *decode_text(char **at)
{
    char *to = *at;
    while (**at == '\\') {
        to = decode_escape(at, to);
        if (to == NULL)
            return NULL;
        char *plain = *at;
        *at = plain_end(plain);
        memmove(to, plain, (size_t)(*at - plain));
        to += *at - plain;
    }
    return to;
}

/* read_text: the text whose opening quote is at `at`, decoded and ended with NUL. */
static inline char *read_text(struct reading *reading, int *length)
{
    char *begin = reading->at + 1;
    char *at = plain_end(begin);
    char *to = at;
    if (*at == '\\' && (to = decode_text(&at)) == NULL)
        return failed(reading, "the reply is no JSON: a text in it is broken");
    if (*at != '"')
        return failed(reading, "the reply is no JSON: it ends early");
    reading->at = at + 1;
    *to = '\0';
    *length = (int)(to - begin);
    return begin;
}

static const char *read_digits(const char *at, uint64_t *number)
{
    for (; *at >= '0' && *at <= '9'; at++)
        *number = *number * 10 + (uint64_t)(*at - '0');
    return at;
}

/* A number as it is written: digits * 10^exponent. */
struct decimal {
    const char *end;
    uint64_t digits;
    size_t digit_count; /* over MOST_DIGITS, digits is wrong */
    int64_t exponent;
};

/* read_decimal: the number at `at`, behind its sign; false when it is none by JSON's grammar. */
static bool read_decimal(const char *at, struct decimal *decimal)
{
    const char *begin = at;
    decimal->digits = 0;
    at = read_digits(at, &decimal->digits);
    decimal->digit_count = (size_t)(at - begin);
    decimal->exponent = 0;
    if (at == begin || (*begin == '0' && at > begin + 1))
        return false;
    if (*at == '.') {
        begin = at + 1;
        at = read_digits(begin, &decimal->digits);
        if (at == begin)
            return false;
        decimal->digit_count += (size_t)(at - begin);
        decimal->exponent = begin - at;
    }
    if (*at == 'e' || *at == 'E') {
        uint64_t exponent = 0;
        bool negative = at[1] == '-';
        begin = at + 1 + (at[1] == '+' || at[1] == '-');
        at = read_digits(begin, &exponent);
        if (at == begin)
            return false;
        if (at - begin > 4) /* none so large is exact */
            exponent = INT_MAX;
        decimal->exponent += negative ? -(int64_t)exponent : (int64_t)exponent;
    }
    decimal->end = at;
    return true;
}

/* exact_value: the value of a number that has an exact one before the only rounding, that of one
 * division or multiplication (W. Clinger, 1990). False for other numbers. */
static bool exact_value(const struct decimal *decimal, double *value)
{
    static const double powers[EXACT_POWER + 1] = {1,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (decimal->digit_count > MOST_DIGITS || decimal->digits > EXACT_NUMBER ||
        decimal->exponent < -EXACT_POWER || decimal->exponent > EXACT_POWER)
        return false;
    if (decimal->exponent < 0)
        *value = (double)decimal->digits / powers[-decimal->exponent];
    else
        *value = (double)decimal->digits * powers[decimal->exponent];
    return true;
}

static bool read_number(struct reading *reading, cJSON *node)
{
    const char *begin = reading->at;
    struct decimal decimal;
    char text[NUMBER_ROOM];
    double value;
    if (!read_decimal(begin + (*begin == '-'), &decimal) || decimal.end - begin >= NUMBER_ROOM)
        return failed(reading, "the reply is no JSON: a number in it is broken") != NULL;
    if (exact_value(&decimal, &value)) {
        value = *begin == '-' ? -value : value;
    } else {
        memcpy(text, begin, (size_t)(decimal.end - begin));
        text[decimal.end - begin] = '\0';
        if (!text_parse_double(text, &value))
            return failed(reading, "the reply is no JSON: a number in it is broken") != NULL;
    }
    node->type = cJSON_Number;
    node->valuedouble = value;
    node->valueint = value >= INT_MAX ? INT_MAX : value <= INT_MIN ? INT_MIN : (int)value;
    reading->at += decimal.end - begin;
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
    bool is_object = *reading->at == '{';
    node->type = is_object ? cJSON_Object : cJSON_Array;
    reading->close = is_object ? '}' : ']';
    reading->open[reading->depth++] = node;
    reading->newest = NULL;
    reading->at++;
    return true;
}

static void close_container(struct reading *reading)
{
    reading->at++;
    reading->depth--;
    reading->newest = reading->open[reading->depth];
    if (reading->depth == 0)
        reading->close = NO_CHARACTER;
    else
        reading->close = reading->open[reading->depth - 1]->type == cJSON_Object ? '}' : ']';
}

/* read_value: the value at `at`; of an object or array only its beginning. */
static bool read_value(struct reading *reading, char *name)
{
    char first = next_character(reading);
    cJSON *node = new_node(reading, name);
    if (node == NULL)
        return false;
    switch (first) {
    case '{':
    case '[':
        return open_container(reading, node);
    case '"':
        node->type = cJSON_String;
        node->valuestring = read_text(reading, &node->valueint);
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

/* read_name: a member's name and the colon behind it; NULL when there is none. */
static char *read_name(struct reading *reading)
{
    int length;
    if (next_character(reading) != '"')
        return failed(reading, "the reply is no JSON");
    char *name = read_text(reading, &length);
    if (name == NULL)
        return NULL;
    if (next_character(reading) != ':')
        return failed(reading, "the reply is no JSON");
    reading->at++;
    return name;
}

/* read_all: the root and everything inside. */
static bool read_all(struct reading *reading)
{
    char *name = NULL;
    for (;;) {
        if (!read_value(reading, name))
            return false;
        char next = next_character(reading);
        while (next == reading->close) {
            close_container(reading);
            next = next_character(reading);
        }
        if (reading->depth == 0)
            break;
        if (reading->newest != NULL) {
            if (next != ',')
                return failed(reading, "the reply is no JSON") != NULL;
            reading->at++;
        }
        name = NULL;
        if (reading->close == '}' && (name = read_name(reading)) == NULL)
            return false;
    }
    return reading->at == reading->end || failed(reading, "the reply is no JSON") != NULL;
}

const cJSON *json_tree_read(struct json_tree *tree, const char *body, size_t size, const char **why)
{
    static const char padding[PADDING];
    struct reading reading = {
        .tree = tree, .node_limit = size / BYTES_PER_NODE + SPARE_NODES, .close = NO_CHARACTER};
    buffer_clear(&tree->text);
    if (size == 0)
        failed(&reading, "the reply is empty");
    else if (size > INT_MAX)
        failed(&reading, "the reply is too long");
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
    /* Reading stops at every NUL, so only what was not read can hold one. */
    *why = size > 0 && memchr(body, '\0', size) != NULL ? "the reply holds a NUL" : reading.why;
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
