#include "daemon/refreshctl_session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int session_config(struct session *session, struct error *err)
{
    if (session->config != NULL)
        return 0;
    return config_load(session->config_path, &session->config, err);
}

const char *session_socket(struct session *session, struct error *err)
{
    if (session->socket != NULL)
        return session->socket;
    return session_config(session, err) == 0 ? session->config->control.socket : NULL;
}

const char *session_cache(struct session *session, struct error *err)
{
    if (session->cache_directory != NULL)
        return session->cache_directory;
    return session_config(session, err) == 0 ? session->config->cache.directory : NULL;
}

int session_connect(struct session *session, struct client **out, struct error *err)
{
    const char *socket = session_socket(session, err);
    return socket == NULL ? -1 : client_open(out, socket, err);
}

int session_fail(const struct session *session, const struct error *err)
{
    int status = protocol_exit(err->code);
    (void)fflush(stdout);
    (void)fprintf(stderr, "refreshctl: %s\n", err->message);
    if (session->json) {
        cJSON *document = cJSON_CreateObject();
        cJSON_AddStringToObject(document, "error", err->message);
        cJSON_AddStringToObject(document, "code", error_name(err->code));
        return session_print(session, document, status);
    }
    return status;
}

int session_usage(const struct session *session, const char *format, ...)
{
    struct error err = {.code = ERROR_USAGE};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(err.message, sizeof err.message, format, arguments);
    va_end(arguments);
    return session_fail(session, &err);
}

int session_print(const struct session *session, cJSON *document, int status)
{
    (void)session;
    char *text = document != NULL ? cJSON_PrintUnformatted(document) : NULL;
    cJSON_Delete(document);
    if (text == NULL) {
        (void)fputs("refreshctl: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    (void)puts(text);
    free(text);
    return status;
}

static bool is_option(const char *word)
{
    if (word[0] != '-' || word[1] == '\0')
        return false;
    return !(word[1] == '.' || (word[1] >= '0' && word[1] <= '9'));
}

static const struct option_word *find_option(const struct option_word *known, const char *word,
                                             const char **value)
{
    for (; known->name != NULL; known++) {
        size_t length = strlen(known->name);
        if (strncmp(known->name, word, length) != 0)
            continue;
        if (word[length] == '\0' || word[length] == '=') {
            *value = word[length] == '=' ? word + length + 1 : NULL;
            return known;
        }
    }
    return NULL;
}

/* The option at argv[*at], and its value, which may be the word behind it. */
static int take_option(struct session *session, int argc, char **argv, int *at,
                       const struct option_word *known)
{
    const char *word = argv[*at], *value = NULL;
    if (strcmp(word, "--json") == 0) {
        session->json = true;
        return 0;
    }
    const struct option_word *option = find_option(known, word, &value);
    if (option == NULL)
        return session_usage(session, "unknown option %s; --help shows the known ones", word);
    if (option->flag != NULL) {
        *option->flag = true;
        return value == NULL ? 0 : session_usage(session, "%s takes no value", option->name);
    }
    if (value == NULL && *at + 1 < argc)
        value = argv[++*at];
    if (value == NULL)
        return session_usage(session, "%s needs a value", option->name);
    *option->value = value;
    return 0;
}

int session_words(struct session *session, int argc, char **argv, const struct option_word *known,
                  const char **words, int least, int most, int *count)
{
    int found = 0;
    bool plain = false;
    for (int i = 0; i < argc; i++) {
        if (!plain && strcmp(argv[i], "--") == 0) {
            plain = true;
        } else if (!plain && is_option(argv[i])) {
            int status = take_option(session, argc, argv, &i, known);
            if (status != 0)
                return status;
        } else if (found == most) {
            return session_usage(session, "unexpected word: %s; --help shows what is expected",
                                 argv[i]);
        } else {
            words[found++] = argv[i];
        }
    }
    if (found < least)
        return session_usage(session, "a word is missing; --help shows what is expected");
    if (count != NULL)
        *count = found;
    return 0;
}
