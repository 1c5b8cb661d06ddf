#include "daemon/refreshctl_session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

int session_ask(struct session *session, const char *command, const char *run,
                struct client **client, cJSON **reply, struct error *err)
{
    cJSON *arguments = NULL;
    *client = NULL;
    if (session_connect(session, client, err) != 0)
        return -1;
    if (run != NULL) {
        arguments = cJSON_CreateObject();
        cJSON_AddStringToObject(arguments, "run", run);
    }
    return client_call(*client, command, arguments, reply, err);
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
