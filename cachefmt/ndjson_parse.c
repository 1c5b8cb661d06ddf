#include <string.h>

#include "cachefmt/ndjson.h"

struct scanner {
    const char *begin, *at, *end;
    struct buffer *texts; /* has room for everything the line can decode to */
    struct error *err;
};

static int syntax_error(const struct scanner *scanner, const char *message)
{
    return error_set(scanner->err, ERROR_VALUE, "character %zu: %s",
                     (size_t)(scanner->at - scanner->begin) + 1, message);
}

static void skip_space(struct scanner *scanner)
{
    while (scanner->at < scanner->end && (*scanner->at == ' ' || *scanner->at == '\t' ||
                                          *scanner->at == '\r' || *scanner->at == '\n'))
        scanner->at++;
}

static bool take(struct scanner *scanner, char wanted)
{
    skip_space(scanner);
    if (scanner->at == scanner->end || *scanner->at != wanted)
        return false;
    scanner->at++;
    return true;
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* Four hexadecimal digits, or -1. */
static long read_unit(struct scanner *scanner)
{
    long unit = 0;
    if (scanner->end - scanner->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(scanner->at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    scanner->at += 4;
    return unit;
}

static size_t encode_utf8(unsigned long code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* What follows `\u`. */
static int read_unicode_escape(struct scanner *scanner)
{
    long code = read_unit(scanner);
    if (code >= 0xD800 && code < 0xDC00 && scanner->end - scanner->at >= 6 &&
        scanner->at[0] == '\\' && scanner->at[1] == 'u') {
        scanner->at += 2;
        long low = read_unit(scanner);
        code =
            low >= 0xDC00 && low < 0xE000 ? 0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00 : -1;
    }
    if (code < 0 || (code >= 0xD800 && code < 0xE000))
        return syntax_error(scanner, "not a Unicode character after \\u");
    char utf8[4];
    size_t bytes = encode_utf8((unsigned long)code, utf8);
    return buffer_append(scanner->texts, utf8, bytes, scanner->err);
}

/* What follows a backslash. */
static int read_escape(struct scanner *scanner)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    char name = scanner->at < scanner->end ? *scanner->at : '\0';
    if (name == 'u') {
        scanner->at++;
        return read_unicode_escape(scanner);
    }
    const char *known = name != '\0' ? strchr(names, name) : NULL;
    if (known == NULL)
        return syntax_error(scanner, "unknown escape in a string");
    scanner->at++;
    return buffer_append(scanner->texts, &values[known - names], 1, scanner->err);
}

static bool ends_plain_run(char c)
{
    return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

/* A string behind its opening quote. Without escapes it is used where it lies. */
static int read_string(struct scanner *scanner, struct slice *out)
{
    const char *run = scanner->at;
    size_t decoded = scanner->texts->used;
    bool escaped = false;
    for (;;) {
        while (scanner->at < scanner->end && !ends_plain_run(*scanner->at))
            scanner->at++;
        if (scanner->at == scanner->end)
            return syntax_error(scanner, "the string is not closed");
        size_t bytes = (size_t)(scanner->at - run);
        if (*scanner->at == '"' && !escaped) {
            *out = (struct slice){run, (uint32_t)bytes};
            scanner->at++;
            return 0;
        }
        if (*scanner->at != '"' && *scanner->at != '\\')
            return syntax_error(scanner, *scanner->at == '\0'
                                             ? "a NUL byte in a string"
                                             : "a control character in a string; escape it");
        if (buffer_append(scanner->texts, run, bytes, scanner->err) != 0)
            return -1;
        if (*scanner->at++ == '"')
            break;
        escaped = true;
        if (read_escape(scanner) != 0)
            return -1;
        run = scanner->at;
    }
    *out = (struct slice){(const char *)scanner->texts->data + decoded,
                          (uint32_t)(scanner->texts->used - decoded)};
    return 0;
}

static bool take_digits(struct scanner *scanner)
{
    const char *from = scanner->at;
    while (scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9')
        scanner->at++;
    return scanner->at > from;
}

static bool at_one_of(const struct scanner *scanner, char a, char b)
{
    return scanner->at < scanner->end && (*scanner->at == a || *scanner->at == b);
}

/* A number by the grammar of JSON, kept as text so that its digits stay exact. */
static int read_number(struct scanner *scanner, struct slice *out)
{
    const char *from = scanner->at;
    if (at_one_of(scanner, '-', '-'))
        scanner->at++;
    bool leading_zero = at_one_of(scanner, '0', '0');
    const char *whole = scanner->at;
    bool good = take_digits(scanner) && (!leading_zero || scanner->at == whole + 1);
    if (good && at_one_of(scanner, '.', '.')) {
        scanner->at++;
        good = take_digits(scanner);
    }
    if (good && at_one_of(scanner, 'e', 'E')) {
        scanner->at++;
        if (at_one_of(scanner, '+', '-'))
            scanner->at++;
        good = take_digits(scanner);
    }
    if (!good)
        return syntax_error(scanner, "not a number");
    *out = (struct slice){from, (uint32_t)(scanner->at - from)};
    return 0;
}

static bool take_word(struct scanner *scanner, const char *word)
{
    size_t bytes = strlen(word);
    if ((size_t)(scanner->end - scanner->at) < bytes || memcmp(scanner->at, word, bytes) != 0)
        return false;
    scanner->at += bytes;
    return true;
}

static int read_value(struct scanner *scanner, const struct row *row, enum column column,
                      struct slice *out)
{
    skip_space(scanner);
    char first = scanner->at < scanner->end ? *scanner->at : '\0';
    if (first == '"') {
        scanner->at++;
        return read_string(scanner, out);
    }
    if (first == '-' || (first >= '0' && first <= '9'))
        return read_number(scanner, out);
    if (first == '{' || first == '[')
        return row_error(row, column, scanner->err, "a value inside a value; rows are flat");
    if (take_word(scanner, "true") || take_word(scanner, "false"))
        return row_error(row, column, scanner->err, "neither text nor a number nor null");
    if (!take_word(scanner, "null"))
        return syntax_error(scanner, "a value is missing");
    *out = (struct slice){NULL, 0};
    return 0;
}

static int read_member(struct scanner *scanner, struct row *row, bool seen[COLUMN_COUNT])
{
    char shown[EXCERPT_BYTES];
    struct slice key, value = {NULL, 0};
    if (!take(scanner, '"'))
        return syntax_error(scanner, "a key in quotes is missing");
    if (read_string(scanner, &key) != 0)
        return -1;
    int column = column_find(key);
    if (column < 0)
        return error_set(scanner->err, ERROR_VALUE, "unknown key %s; the keys are %s",
                         text_excerpt(key, shown), column_list);
    if (seen[column])
        return row_error(row, (enum column)column, scanner->err, "the key occurs twice");
    seen[column] = true;
    if (!take(scanner, ':'))
        return syntax_error(scanner, "a colon is missing after the key");
    if (read_value(scanner, row, (enum column)column, &value) != 0)
        return -1;
    row->value[column] = value;
    return 0;
}

int ndjson_parse(const char *text, size_t bytes, struct row *row, struct buffer *texts,
                 struct error *err)
{
    struct scanner scanner = {text, text, text + bytes, texts, err};
    bool seen[COLUMN_COUNT] = {false};
    memset(row->value, 0, sizeof row->value);
    memset(row->place, 0, sizeof row->place);
    buffer_clear(texts);
    if (buffer_reserve(texts, bytes, err) != 0)
        return -1;
    if (!take(&scanner, '{'))
        return syntax_error(&scanner, "a row is one JSON object, {\"lat\":..,\"lon\":..}");
    if (!take(&scanner, '}')) {
        do {
            if (read_member(&scanner, row, seen) != 0)
                return -1;
        } while (take(&scanner, ','));
        if (!take(&scanner, '}'))
            return syntax_error(&scanner, "a comma or } is missing");
    }
    skip_space(&scanner);
    if (scanner.at != scanner.end)
        return syntax_error(&scanner, "text after the object");
    return 0;
}
