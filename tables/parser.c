#include "tables/parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define SHOWN_BYTES 48

const char *const parser_operators[] = {"and", "or", "not", "is", "weight", "when", NULL};

bool parser_is(const struct parser *parser, const char *word)
{
    return token_is(&parser->lexer.token, word);
}

bool parser_accept(struct parser *parser, const char *word)
{
    if (!parser_is(parser, word))
        return false;
    lexer_next(&parser->lexer);
    return true;
}

int parser_wrong(struct parser *parser, unsigned column, const char *format, ...)
{
    char message[sizeof parser->err->message];
    va_list arguments;
    if (parser->lexer.token.kind == TOKEN_BAD)
        return -1; /* its error is the one to tell: it often is the cause of this one */
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return error_set(parser->err, ERROR_VALUE, "column %u: %s", column, message);
}

/* copy_word: as much of a word as is worth showing, NUL-terminated, cut between characters. */
static void copy_word(const struct token *token, char out[SHOWN_BYTES])
{
    size_t length = token->source.length;
    if (length >= SHOWN_BYTES) {
        length = SHOWN_BYTES - 1;
        while (length > 0 && ((unsigned char)token->source.data[length] & 0xC0) == 0x80)
            length--;
    }
    memcpy(out, token->source.data, length);
    out[length] = '\0';
}

int parser_unexpected(struct parser *parser, const char *known, const char *const *words)
{
    const struct token *token = &parser->lexer.token;
    char shown[SHOWN_BYTES];
    const char *meant = NULL;
    unsigned least = TEXT_FAR;
    if (token->kind == TOKEN_END)
        return parser_wrong(parser, token->column, "found the end; %s", known);
    copy_word(token, shown);
    for (; token->kind == TOKEN_WORD && words != NULL && *words != NULL; words++) {
        if (text_nearer(shown, *words, &least) && least > 0)
            meant = *words;
    }
    const char *quote = token->kind == TOKEN_TEXT ? "" : "\"";
    if (meant != NULL)
        return parser_wrong(parser, token->column, "found %s%s%s, did you mean \"%s\"? %s", quote,
                            shown, quote, meant, known);
    return parser_wrong(parser, token->column, "found %s%s%s; %s", quote, shown, quote, known);
}

/* is_old_address: one of the twins of the address fields, which the list of fields sums up. */
static bool is_old_address(const struct field *field)
{
    return strncmp(field->name, "old_", 4) == 0 &&
           field_find(field->name + 4, strlen(field->name + 4)) != NULL;
}

static void list_fields(char *out, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < field_count && used < room; i++) {
        if (is_old_address(&fields[i]))
            continue;
        int length = snprintf(out + used, room - used, "%s%s", used > 0 ? " " : "", fields[i].name);
        used += length > 0 ? (size_t)length : 0;
    }
}

const struct field *parser_field(struct parser *parser)
{
    const struct token *token = &parser->lexer.token;
    const struct field *field = field_find(token->source.data, token->source.length);
    char shown[SHOWN_BYTES], known[480];
    const char *meant = NULL;
    unsigned least = TEXT_FAR;
    if (field != NULL)
        return field;
    copy_word(token, shown);
    for (size_t i = 0; i < field_count; i++) {
        if (text_nearer(shown, fields[i].name, &least))
            meant = fields[i].name;
    }
    list_fields(known, sizeof known);
    if (meant != NULL)
        parser_wrong(parser, token->column,
                     "there is no field \"%s\", did you mean \"%s\"? Fields: %s; old_ and the name "
                     "of one of the entry for what it was",
                     shown, meant, known);
    else
        parser_wrong(parser, token->column,
                     "there is no field \"%s\"; fields: %s; old_ and the name of one of the entry "
                     "for what it was",
                     shown, known);
    return NULL;
}

const char *parser_kind_words(enum value_kind kind)
{
    switch (kind) {
    case VALUE_NUMBER:
        return "a number";
    case VALUE_TEXT:
        return "a text";
    default:
        return "a condition";
    }
}
