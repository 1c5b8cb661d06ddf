/* From a file to a configuration. inih takes lines apart; what it would pass over in silence
 * (overlong lines, text behind a section, sections without keys) is refused here before. */
#include <ini.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/durable.h"
#include "base/text.h"
#include "config/entry.h"

#define LARGEST_FILE ((size_t)1 << 20)
#define LONGEST_LINE 198 /* of inih as Debian builds it: 200 with the line break and the NUL */
#define LONGEST_REPORT 4000

struct source {
    const char *path;
    const char *at; /* what inih has not seen yet */
    const char *end;
    unsigned line;  /* the one inih works on */
    bool in_report; /* in [report], whose lines inih does not see: they may be long, and a ; stands
                       in texts */
    struct config *config;
    bool failed;
    struct error *err;
};

/* fail: the first error is the one that is told. */
static void fail(struct source *source)
{
    if (!source->failed)
        error_prefix(source->err, "%s line %u", source->path, source->line);
    source->failed = true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static int check_section(struct source *source, const char *line, size_t length)
{
    struct error *err = source->err;
    char name[LONGEST_LINE + 1];
    const char *close = memchr(line, ']', length);
    if (close == NULL)
        return error_set(err, ERROR_CONFIG, "a section is written [name]");
    const char *behind = close + 1;
    while (behind < line + length && is_space(*behind))
        behind++;
    if (behind < line + length && *behind != ';' && *behind != '#')
        return error_set(err, ERROR_CONFIG, "text behind a section; a key has a line of its own");
    memcpy(name, line + 1, (size_t)(close - line - 1));
    name[close - line - 1] = '\0';
    source->in_report = strcmp(name, CONFIG_REPORT_SECTION) == 0;
    return config_section_exists(name) ? 0 : config_section_unknown(name, err);
}

static int check_line(struct source *source, const char *line, size_t length)
{
    struct error *err = source->err;
    bool report = source->in_report && length > 0 && *line != '[';
    int longest = report ? LONGEST_REPORT : LONGEST_LINE;
    if (memchr(line, '\0', length) != NULL)
        return error_set(err, ERROR_CONFIG, "not text in UTF-8");
    if (length > (size_t)longest)
        return error_set(err, ERROR_CONFIG, "longer than %d bytes; shorten it", longest);
    if (!text_is_utf8(line, length))
        return error_set(err, ERROR_CONFIG, "not text in UTF-8");
    if (length == 0 || *line == ';' || *line == '#')
        return 0;
    if (*line == '[')
        return check_section(source, line, length);
    if (report)
        return 0;
    if (*line == '=' || *line == ':' || strcspn(line, "=:") >= length)
        return error_set(err, ERROR_CONFIG, "neither a [section] nor KEY = VALUE");
    return 0;
}

/* hide_report: keep a line of [report], from where it begins in the file, and leave inih none. */
static int hide_report(struct source *source, const char *begin, const char *line, size_t *length)
{
    bool table = source->in_report && *length > 0 && strchr("[;#", *line) == NULL;
    size_t bytes = (size_t)(line - begin) + *length;
    if (source->in_report && *length > 0 && *line != '[')
        *length = 0;
    return table ? config_put_report(source->config, begin, bytes, source->line, source->err) : 0;
}

/* next_line: inih's reader: the next line without the white space around it, because an indented
 * line would continue the value before. NULL at the end and after an error. */
static char *next_line(char *out, int room, void *context)
{
    struct source *source = context;
    if (source->failed || source->at >= source->end)
        return NULL;
    source->line++;
    const char *begin = source->at;
    const char *line = begin;
    const char *end = memchr(line, '\n', (size_t)(source->end - line));
    if (end == NULL)
        end = source->end;
    source->at = end < source->end ? end + 1 : end;
    while (line < end && is_space(*line))
        line++;
    while (end > line && is_space(end[-1]))
        end--;
    size_t length = (size_t)(end - line);
    if (check_line(source, line, length) != 0 || hide_report(source, begin, line, &length) != 0) {
        fail(source);
        return NULL;
    }
    if (length + 2 > (size_t)room) {
        error_set(source->err, ERROR_CONFIG, "longer than %d bytes; shorten it", room - 2);
        fail(source);
        return NULL;
    }
    memcpy(out, line, length);
    out[length] = '\n';
    out[length + 1] = '\0';
    return out;
}

/* put: a key of the file. The value of a list adds to those before it. */
static int put(struct source *source, const struct config_key *key, const char *value)
{
    const struct config_entry *entry = &source->config->entries[key - config_keys];
    if (entry->line == 0)
        return config_put(source->config, key, value, source->line, source->err);
    if (key->type != CONFIG_URL_LIST)
        return error_set(source->err, ERROR_CONFIG, "[%s] %s: set already in line %u", key->section,
                         key->name, entry->line);
    char *joined;
    if (asprintf(&joined, "%s, %s", entry->text, value) < 0)
        return error_memory(source->err, key->name);
    int result = config_put(source->config, key, joined, source->line, source->err);
    free(joined);
    return result;
}

static int take_value(void *context, const char *section, const char *name, const char *value)
{
    struct source *source = context;
    if (source->failed)
        return 1;
    const struct config_key *key = config_key_find(section, name);
    int result;
    if (section[0] == '\0')
        result =
            error_set(source->err, ERROR_CONFIG, "\"%s\" stands before the first [section]", name);
    else if (key == NULL)
        result = config_key_unknown(section, name, source->err);
    else
        result = put(source, key, value);
    if (result != 0)
        fail(source);
    return 1;
}

int config_load_text(const char *path, const char *text, size_t bytes, struct config **out,
                     struct error *err)
{
    struct error unused = {0};
    struct source source = {
        .path = path, .at = text, .end = text + bytes, .err = err != NULL ? err : &unused};
    if (config_begin(&source.config, err) != 0)
        return -1;
    if (bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        source.at += 3;
    source.config->path = strdup(path);
    if (source.config->path == NULL) {
        error_memory(err, path);
        goto fail;
    }
    int wrong = ini_parse_stream(next_line, &source, take_value, &source);
    if (source.failed)
        goto fail;
    if (wrong != 0) {
        error_set(err, ERROR_CONFIG, "%s line %d: neither a [section] nor KEY = VALUE", path,
                  wrong);
        goto fail;
    }
    if (config_finish(source.config, err) != 0)
        goto fail;
    *out = source.config;
    return 0;
fail:
    config_free(source.config);
    return -1;
}

int config_load(const char *path, struct config **out, struct error *err)
{
    struct error fault;
    char *text;
    size_t bytes;
    const char *name = path != NULL ? path : CONFIG_DEFAULT_PATH;
    if (read_whole_file(name, LARGEST_FILE, &text, &bytes, &fault) != 0) {
        if (path == NULL && fault.code == ERROR_MISSING)
            return config_default(out, err);
        if (fault.code != ERROR_MEMORY)
            fault.code = ERROR_CONFIG;
        if (err != NULL)
            *err = fault;
        return -1;
    }
    int result = config_load_text(name, text, bytes, out, err);
    free(text);
    return result;
}
