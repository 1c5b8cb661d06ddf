#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/durable.h"
#include "fleet/membership_internal.h"

#define DIGITS (MEMBERSHIP_INSTANCE_BYTES - 1)
#define PATH_ROOM 4096

static int make_instance(const char *path, char out[MEMBERSHIP_INSTANCE_BYTES], struct error *err)
{
    unsigned char bytes[DIGITS / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_set(err, ERROR_IO, "no random numbers");
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return durable_write_file(path, out, DIGITS, err);
}

static int take_instance(const char *path, const char *text, size_t bytes,
                         char out[MEMBERSHIP_INSTANCE_BYTES], struct error *err)
{
    size_t digits = strspn(text, "0123456789abcdef");
    if (digits != DIGITS || (bytes != DIGITS && strcmp(text + DIGITS, "\n") != 0))
        return error_set(err, ERROR_CORRUPT,
                         "%s is no instance of refreshd: remove it to get a new one", path);
    memcpy(out, text, DIGITS);
    out[DIGITS] = '\0';
    return 0;
}

int membership_read_instance(const char *state_directory, char out[MEMBERSHIP_INSTANCE_BYTES],
                             struct error *err)
{
    char path[PATH_ROOM];
    struct error why = {0};
    char *text = NULL;
    size_t bytes = 0;
    int length = snprintf(path, sizeof path, "%s/fleet", state_directory);
    if (length < 0 || (size_t)length + sizeof "/instance" > sizeof path)
        return error_set(err, ERROR_CONFIG, "the path of the state directory is too long");
    if (durable_make_directory(path, err) != 0)
        return -1;
    memcpy(path + length, "/instance", sizeof "/instance");
    int result = read_whole_file(path, DIGITS + 1, &text, &bytes, &why);
    if (result == 0)
        result = take_instance(path, text, bytes, out, err);
    else if (why.code == ERROR_MISSING)
        result = make_instance(path, out, err);
    else if (err != NULL)
        *err = why;
    free(text);
    return result;
}
