#include "tests/unit/config_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char config_rig_directory[200];
char config_rig_path[240];
struct error config_rig_error;

int config_rig_open(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(config_rig_directory, sizeof config_rig_directory, "%s/config-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    if (mkdtemp(config_rig_directory) == NULL)
        return -1;
    (void)snprintf(config_rig_path, sizeof config_rig_path, "%s/file", config_rig_directory);
    return 0;
}

int config_rig_close(void **state)
{
    (void)state;
    (void)unlink(config_rig_path);
    return rmdir(config_rig_directory);
}

void config_rig_write(const char *text)
{
    FILE *file = fopen(config_rig_path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

int config_rig_load(const char *text, struct config **config)
{
    memset(&config_rig_error, 0, sizeof config_rig_error);
    return config_load_text("x.conf", text, strlen(text), config, &config_rig_error);
}

void config_rig_refuse(const char *text, const char *const *parts, size_t count)
{
    struct config *config = NULL;
    if (config_rig_load(text, &config) != -1)
        fail_msg("accepted: %s", text);
    assert_null(config);
    assert_int_equal(config_rig_error.code, ERROR_CONFIG);
    for (size_t i = 0; i < count; i++) {
        if (strstr(config_rig_error.message, parts[i]) == NULL)
            fail_msg("\"%s\" is not in: %s", parts[i], config_rig_error.message);
    }
}
