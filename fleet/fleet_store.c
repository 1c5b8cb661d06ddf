/* What a peer remembers of the fleet over restarts: STATE/fleet/applied (run of the last decision
 * that was carried out), run (the run that the line has from the fleet), wish (how far the line
 * follows the operators). All are small JSON documents, written durable. */
#include "fleet/fleet_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/durable.h"
#include "fleet/json_fields.h"

#define LONGEST 200000 /* bytes of a file */

static int write_document(struct fleet *fleet, const char *name, const char *text,
                          struct error *err)
{
    char *path;
    if (asprintf(&path, "%s/fleet/%s", fleet->settings.state_directory, name) < 0)
        return error_memory(err, "a file name");
    int result = durable_write_file(path, text, strlen(text), err);
    free(path);
    return result;
}

/* 1 = *text is the caller's to free, 0 = there is no such file, -1. */
static int read_document(struct fleet *fleet, const char *name, char **path, char **text,
                         struct error *err)
{
    struct error own;
    size_t bytes;
    if (asprintf(path, "%s/fleet/%s", fleet->settings.state_directory, name) < 0)
        return error_memory(err, "a file name");
    if (read_whole_file(*path, LONGEST, text, &bytes, &own) == 0)
        return 1;
    free(*path);
    if (own.code == ERROR_MISSING)
        return 0;
    if (err != NULL)
        *err = own;
    return -1;
}

/* --- applied --------------------------------------------------------------------------- */

int store_applied(struct fleet *fleet, const char *run, struct error *err)
{
    char text[RUN_ID_BYTES + 16];
    (void)snprintf(text, sizeof text, "{\"run\":\"%s\"}\n", run);
    if (write_document(fleet, "applied", text, err) != 0)
        return -1;
    (void)pthread_mutex_lock(&fleet->lock);
    (void)snprintf(fleet->self.applied, sizeof fleet->self.applied, "%s", run);
    (void)pthread_mutex_unlock(&fleet->lock);
    return 0;
}

static int load_applied(struct fleet *fleet, struct error *err)
{
    char *path, *text;
    struct fields fields;
    cJSON *root;
    int found = read_document(fleet, "applied", &path, &text, err);
    if (found <= 0)
        return found;
    int result = fields_parse(&fields, &root, path, text, err);
    if (result == 0) {
        fields_run(&fields, "run", fleet->self.applied);
        result = fields_done(&fields, err);
        cJSON_Delete(root);
    }
    free(path);
    free(text);
    return result;
}

/* --- wish ------------------------------------------------------------------------------- */

int store_wish(struct fleet *fleet, const char *run, uint64_t seq, struct error *err)
{
    char text[RUN_ID_BYTES + 60];
    (void)snprintf(text, sizeof text, "{\"run\":\"%s\",\"seq\":%" PRIu64 "}\n", run, seq);
    if (write_document(fleet, "wish", text, err) != 0)
        return -1;
    (void)snprintf(fleet->wish_run, sizeof fleet->wish_run, "%s", run);
    fleet->wish_seq = seq;
    return 0;
}

static int load_wish(struct fleet *fleet, struct error *err)
{
    char *path, *text;
    struct fields fields;
    cJSON *root;
    int found = read_document(fleet, "wish", &path, &text, err);
    if (found <= 0)
        return found;
    int result = fields_parse(&fields, &root, path, text, err);
    if (result == 0) {
        fields_run(&fields, "run", fleet->wish_run);
        fleet->wish_seq = fields_whole(&fields, "seq", UINT64_C(9007199254740992));
        result = fields_done(&fields, err);
        cJSON_Delete(root);
    }
    free(path);
    free(text);
    return result;
}

/* --- run ---------------------------------------------------------------------------------- */

static int print_joined(const struct joined_run *joined, char **text, struct error *err)
{
    char *run = NULL, *input = NULL;
    int result = -1;
    if (run_document_print(&joined->run, &run, err) == 0 &&
        input_document_print(&joined->input, &input, err) == 0) {
        if (asprintf(text, "{\"run\":%s,\"input\":%s}\n", run, input) < 0)
            error_memory(err, "the fleet's run");
        else
            result = 0;
    }
    free(run);
    free(input);
    return result;
}

int store_joined(struct fleet *fleet, const struct joined_run *joined, struct error *err)
{
    char *text;
    if (print_joined(joined, &text, err) != 0)
        return -1;
    int result = write_document(fleet, "run", text, err);
    free(text);
    if (result != 0)
        return -1;
    (void)pthread_mutex_lock(&fleet->lock);
    fleet->joined = *joined;
    fleet->joined.valid = true;
    (void)pthread_mutex_unlock(&fleet->lock);
    return 0;
}

/* One part of the document as a document of its own. */
static int parse_joined(struct joined_run *joined, const char *path, const char *text,
                        struct error *err)
{
    cJSON *root = cJSON_Parse(text);
    char *run = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(root, "run"));
    char *input = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(root, "input"));
    int result = -1;
    if (run == NULL || input == NULL)
        error_set(err, ERROR_CORRUPT, "%s is not the document of a run", path);
    else if (run_document_read(&joined->run, path, run, err) == 0 &&
             input_document_read(&joined->input, path, input, err) == 0)
        result = 0;
    cJSON_free(run);
    cJSON_free(input);
    cJSON_Delete(root);
    return result;
}

static int load_joined(struct fleet *fleet, struct error *err)
{
    char *path, *text;
    int found = read_document(fleet, "run", &path, &text, err);
    if (found <= 0)
        return found;
    int result = parse_joined(&fleet->joined, path, text, err);
    fleet->joined.valid = result == 0;
    free(path);
    free(text);
    return result;
}

int store_load(struct fleet *fleet, struct error *err)
{
    if (load_applied(fleet, err) == 0 && load_wish(fleet, err) == 0 && load_joined(fleet, err) == 0)
        return 0;
    return error_suffix(err, "; remove the file: the peer then fetches what it lacks");
}
