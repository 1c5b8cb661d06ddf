#include <stdbool.h>
#include <string.h>

#include "manuals/manuals.h"

#define WIDTH 76

static void put_letter(FILE *out, char letter, bool *bold)
{
    if (letter == '\\') {
        (void)fputs("\\e", out);
    } else if (letter == '-') {
        (void)fputs("\\-", out);
    } else if (letter == '`') {
        (void)fputs(*bold ? "\\fR" : "\\fB", out);
        *bold = !*bold;
    } else {
        (void)fputc(letter, out);
    }
}

/* Bytes of a word as it is written. */
static size_t written(const char *word, size_t length)
{
    size_t bytes = length;
    for (size_t i = 0; i < length; i++)
        bytes += word[i] == '`' ? 2 : word[i] == '\\' || word[i] == '-';
    return bytes;
}

static bool ends_sentence(const char *word, size_t length)
{
    return length > 0 && strchr(".?!", word[length - 1]) != NULL;
}

void mdoc_text(FILE *out, const char *text)
{
    size_t column = 0;
    bool bold = false;
    while (*text != '\0') {
        size_t length = strcspn(text, " \n");
        if (length == 0) {
            text++;
            continue;
        }
        size_t bytes = written(text, length);
        if (column > 0 && column + 1 + bytes > WIDTH) {
            (void)fputc('\n', out);
            column = 0;
        }
        if (column > 0)
            (void)fputc(' ', out);
        else if (text[0] == '.' || text[0] == '\'')
            (void)fputs("\\&", out);
        column += bytes + (column > 0);
        for (size_t i = 0; i < length; i++)
            put_letter(out, text[i], &bold);
        if (ends_sentence(text, length)) {
            (void)fputc('\n', out);
            column = 0;
        }
        text += length;
    }
    if (column > 0)
        (void)fputc('\n', out);
}

void mdoc_word(FILE *out, const char *word)
{
    bool bold = false;
    (void)fputs("\\&", out);
    for (; *word != '\0'; word++)
        put_letter(out, *word, &bold);
}
