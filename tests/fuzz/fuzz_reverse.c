/* Any bytes as the parameters of /reverse and as the fields of an address, the label's markers
 * among them. Refused with a message that names the parameter, or a question within its bounds;
 * and every reply is one JSON object in UTF-8 that shows nothing finer than its zoom. */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/text.h"
#include "daemon/reverse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

struct bytes {
    const uint8_t *at, *end;
};

/* A length byte and what it says, or less at the end. */
static struct slice next_piece(struct bytes *bytes)
{
    if (bytes->at == bytes->end)
        return (struct slice){0};
    size_t length = *bytes->at++;
    if (length > (size_t)(bytes->end - bytes->at))
        length = (size_t)(bytes->end - bytes->at);
    struct slice piece = {(const char *)bytes->at, (uint32_t)length};
    bytes->at += length;
    return piece;
}

static char *as_text(struct slice piece)
{
    char *text = malloc(piece.length + 1u);
    demand(text != NULL);
    if (piece.length > 0)
        memcpy(text, piece.data, piece.length);
    text[piece.length] = '\0';
    return text;
}

static void set_one(struct reverse_parser *parser, unsigned which, const char *value)
{
    static const char *const names[] = {"lat", "lon", "zoom", "format", "addressdetails", "email"};
    const char *name = names[which % (sizeof names / sizeof *names)];
    struct error err = {0};
    struct reverse_parser before = *parser;
    if (reverse_question_set(parser, name, value, &err) == 0)
        return;
    demand(err.code == ERROR_VALUE && strstr(err.message, name) != NULL);
    demand(memcmp(&before, parser, sizeof before) == 0);
}

static struct reverse_question read_question(struct bytes *bytes)
{
    struct reverse_parser parser;
    struct error err = {0};
    reverse_question_begin(&parser);
    unsigned count = bytes->at < bytes->end ? *bytes->at++ % 8u : 0;
    for (unsigned i = 0; i < count && bytes->at < bytes->end; i++) {
        unsigned which = *bytes->at++;
        char *value = as_text(next_piece(bytes));
        set_one(&parser, which, value);
        free(value);
    }
    bool complete = reverse_question_end(&parser, &err) == 0;
    demand(complete == (parser.has_lat && parser.has_lon));
    demand(complete || err.code == ERROR_VALUE);
    demand(point_is_valid(parser.question.point) && parser.question.zoom <= 18);
    demand(parser.question.format < REVERSE_FORMATS);
    return parser.question;
}

static void check_reply(const struct buffer *out, const struct reverse_question *question)
{
    static const struct {
        const char *name;
        unsigned zoom;
    } finest[] = {{"house_number", 18}, {"road", 16}, {"suburb", 13}, {"city", 10}, {"state", 5}};
    const char *end;
    demand(text_is_utf8((const char *)out->data, out->used));
    cJSON *tree = cJSON_ParseWithLengthOpts((const char *)out->data, out->used, &end, false);
    demand(cJSON_IsObject(tree) && end == (const char *)out->data + out->used);
    const cJSON *address = cJSON_GetObjectItemCaseSensitive(tree, "address");
    demand(address == NULL || question->address_details);
    for (size_t i = 0; i < sizeof finest / sizeof *finest; i++) {
        if (question->zoom < finest[i].zoom)
            demand(cJSON_GetObjectItemCaseSensitive(address, finest[i].name) == NULL);
    }
    cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, data + size};
    struct buffer out = {0}, text = {0};
    struct reverse_question question = read_question(&bytes);
    struct entry entry = {.point = question.point, .refreshed_at = (uint32_t)size};
    bool fold = bytes.at < bytes.end && *bytes.at++ % 2 != 0;
    char *copies[FIELD_COUNT];
    for (int field = 0; field < FIELD_COUNT; field++) {
        struct slice piece = next_piece(&bytes);
        copies[field] = as_text(piece); /* of their own, so that reading past one is seen */
        entry.address.field[field] = (struct slice){copies[field], piece.length};
    }
    if (fold)
        demand(address_fold(&entry.address, &text, NULL) == 0);
    demand(reverse_print(&question, &entry, (double)size - 2, &out, NULL) == 0);
    check_reply(&out, &question);
    buffer_clear(&out);
    demand(reverse_print_error(400, copies[FIELD_NAME], &out, NULL) == 0);
    check_reply(&out, &question);
    for (int field = 0; field < FIELD_COUNT; field++)
        free(copies[field]);
    buffer_free(&text);
    buffer_free(&out);
    return 0;
}
