#include "daemon/log_journal.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define PREFIX "REFRESHD_"
#define OWN_FIELDS 4

static size_t key_length(const char *text)
{
    size_t length = 0;
    while (islower((unsigned char)text[length]) || text[length] == '_' ||
           (length > 0 && isdigit((unsigned char)text[length])))
        length++;
    return text[length] == '=' ? length : 0;
}

/* Copy a value, quoted or up to a space; returns what is behind it. */
static const char *copy_value(const char *text, char *out, size_t room)
{
    bool quoted = *text == '"';
    size_t used = 0;
    text += quoted;
    for (; *text != '\0' && *text != (quoted ? '"' : ' '); text++) {
        if (quoted && *text == '\\' && text[1] != '\0')
            text++;
        if (used + 1 < room)
            out[used++] = *text;
    }
    out[used] = '\0';
    return *text == '"' ? text + 1 : text;
}

size_t log_fields(const char *text, char fields[][LOG_FIELD_BYTES], size_t most)
{
    size_t count = 0;
    while (count < most && *text != '\0') {
        size_t length = key_length(text);
        if (length == 0 || length + sizeof PREFIX + 1 >= 64) { /* as long as the journal allows */
            text += strcspn(text, " ");
            text += *text == ' ';
            continue;
        }
        char *field = fields[count++];
        size_t used = sizeof PREFIX - 1;
        memcpy(field, PREFIX, used);
        for (size_t i = 0; i < length; i++)
            field[used++] = (char)toupper((unsigned char)text[i]);
        field[used++] = '=';
        text = copy_value(text + length + 1, field + used, LOG_FIELD_BYTES - used);
        text += *text == ' ';
    }
    return count;
}

static struct iovec as_iovec(char *text)
{
    return (struct iovec){text, strlen(text)};
}

int log_to_journal(int priority, const char *event, const char *text, const char *message)
{
    char fields[LOG_FIELDS][LOG_FIELD_BYTES];
    char line[LOG_FIELD_BYTES * 2], level[32], name[128];
    char identifier[] = "SYSLOG_IDENTIFIER=refreshd";
    struct iovec all[LOG_FIELDS + OWN_FIELDS];
    (void)snprintf(line, sizeof line, "MESSAGE=%s", message);
    (void)snprintf(level, sizeof level, "PRIORITY=%d", priority);
    (void)snprintf(name, sizeof name, PREFIX "EVENT=%s", event);
    all[0] = as_iovec(line);
    all[1] = as_iovec(level);
    all[2] = as_iovec(name);
    all[3] = as_iovec(identifier);
    size_t count = log_fields(text, fields, LOG_FIELDS);
    for (size_t i = 0; i < count; i++)
        all[OWN_FIELDS + i] = as_iovec(fields[i]);
    return sd_journal_sendv(all, (int)(OWN_FIELDS + count)) == 0 ? 0 : -1;
}
