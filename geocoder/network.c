#include "geocoder/network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/durable.h"

#define KEY_BYTES_LIMIT 4096
#define CREDENTIAL "geocoder-key"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* trim: cut white space at both ends of a text, in place; its new length. */
static size_t trim(char *text, size_t length)
{
    size_t start = 0;
    while (length > 0 && is_space(text[length - 1]))
        length--;
    while (start < length && is_space(text[start]))
        start++;
    memmove(text, text + start, length - start);
    text[length - start] = '\0';
    return length - start;
}

static int key_error(struct error *err, const char *path, const char *wrong)
{
    return error_set(err, ERROR_CONFIG, "[geocoder] key_file: %s %s", path, wrong);
}

/* read_key: the key in a file, for the caller to free. */
static int read_key(const char *path, char **out, struct error *err)
{
    struct stat status;
    char *text = NULL;
    size_t bytes = 0;
    if (stat(path, &status) != 0)
        return key_error(err, path, errno == ENOENT ? "does not exist" : strerror(errno));
    if (!S_ISREG(status.st_mode))
        return key_error(err, path, "is not a file");
    if (read_whole_file(path, KEY_BYTES_LIMIT, &text, &bytes, err) != 0) {
        if (err != NULL && err->code != ERROR_MEMORY)
            err->code = ERROR_CONFIG;
        return error_prefix(err, "[geocoder] key_file");
    }
    const char *wrong = NULL;
    size_t length = trim(text, bytes);
    if (length == 0)
        wrong = "is empty";
    for (size_t i = 0; i < length && wrong == NULL; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            wrong = "holds more than one word; a key is one";
    }
    if (wrong != NULL) {
        explicit_bzero(text, bytes);
        free(text);
        return key_error(err, path, wrong);
    }
    *out = text;
    return 0;
}

/* read_credential: the key that systemd hands over, or "" where it hands over none. */
static int read_credential(char **out, struct error *err)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    char path[4096];
    struct stat status;
    if (directory != NULL && directory[0] != '\0') {
        int length = snprintf(path, sizeof path, "%s/" CREDENTIAL, directory);
        if (length > 0 && (size_t)length < sizeof path && stat(path, &status) == 0)
            return read_key(path, out, err);
    }
    *out = strdup("");
    return *out == NULL ? error_memory(err, "the geocoder's key") : 0;
}

static bool key_is_needed(const struct geocoder_settings *settings)
{
    const struct geocoder_provider *provider =
        settings->provider == NULL ? NULL : geocoder_find(settings->provider);
    return provider != NULL && provider->needs_key;
}

int network_open(const struct geocoder_settings *settings, void **state, struct error *err)
{
    struct network *network = calloc(1, sizeof *network);
    if (network == NULL)
        return error_memory(err, "the geocoder");
    network->settings = settings;
    bool named = settings->key_file != NULL && settings->key_file[0] != '\0';
    int result = named ? read_key(settings->key_file, &network->key, err)
                       : read_credential(&network->key, err);
    if (result == 0 && network->key[0] == '\0' && key_is_needed(settings))
        result =
            error_set(err, ERROR_CONFIG,
                      "[geocoder] key_file: it is missing; provider %s needs a key: name a "
                      "file that holds it, or hand it over as the systemd credential " CREDENTIAL,
                      settings->provider);
    if (result != 0) {
        network_close(network);
        return -1;
    }
    *state = network;
    return 0;
}

void network_close(void *state)
{
    struct network *network = state;
    if (network == NULL)
        return;
    if (network->key != NULL)
        explicit_bzero(network->key, strlen(network->key));
    free(network->key);
    free(network);
}

int network_session_open(void *state, void **session, struct error *err)
{
    struct network_session *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_memory(err, "a session with the geocoder");
    made->network = state;
    *session = made;
    return 0;
}

void network_session_close(void *session)
{
    struct network_session *closing = session;
    if (closing == NULL)
        return;
    json_tree_free(&closing->tree);
    buffer_free(&closing->text);
    free(closing);
}
