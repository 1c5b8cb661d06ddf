/* Fields of the documents in etcd: adding them, and reading them with every check. */
#ifndef REFRESHD_FLEET_JSON_FIELDS_H
#define REFRESHD_FLEET_JSON_FIELDS_H

#include <cjson/cJSON.h>

#include "cachefmt/manifest.h"

/* A document being read: the first field that is wrong is remembered, later reads give zeros. */
struct fields {
    const char *key; /* of etcd, for messages */
    const cJSON *document;
    const char *wrong; /* field, NULL = all is well */
};

/* fields_parse: the document's object; *root is the caller's to delete. */
int fields_parse(struct fields *fields, cJSON **root, const char *key, const char *text,
                 struct error *err);

/* fields_done: 0, or ERROR_CORRUPT naming key and field. */
int fields_done(const struct fields *fields, struct error *err);

/* fields_wrong: this field is, unless one before it is already. */
void fields_wrong(struct fields *fields, const char *name);

void fields_text(struct fields *fields, const char *name, char *out, size_t bytes);
double fields_number(struct fields *fields, const char *name, double least, double most);
uint64_t fields_whole(struct fields *fields, const char *name, uint64_t most);
bool fields_flag(struct fields *fields, const char *name);
void fields_digest(struct fields *fields, const char *name, struct pair_id *out);
void fields_run(struct fields *fields, const char *name, char out[RUN_ID_BYTES]);
const cJSON *fields_list(struct fields *fields, const char *name, int most);

/* run_id_is_valid: characters that a run's id may have, so that it can stand in keys and paths. */
bool run_id_is_valid(const char *id);

/* fields_add_digest: as hexadecimal text. fields_print: print and delete the document; NULL
 * document is out of memory. */
void fields_add_digest(cJSON *document, const char *name, const struct pair_id *digest);
int fields_print(cJSON *document, int count, char **text, struct error *err);

#endif
