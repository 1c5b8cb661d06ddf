/* One call to the cluster: which member, how long, and what its refusal means. */
#ifndef REFRESHD_FLEET_ETCD_INTERNAL_H
#define REFRESHD_FLEET_ETCD_INTERNAL_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "fleet/etcd.h"
#include "fleet/etcd_reply.h"

struct etcd {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    char **endpoints; /* without a slash at the end */
    size_t endpoint_count;
    size_t current; /* the endpoint to begin with */
    double timeout;
    struct buffer request, reply;
    struct json_tree tree;
    char message[CURL_ERROR_SIZE];
    unsigned sent; /* how often the present request was sent */
    bool too_long; /* its reply is */
    atomic_bool interrupted;
};

/* etcd_transfer: send etcd->request to the present member and append to etcd->reply what comes.
 * step (may be NULL) is called whenever something came and each ETCD_STEP_MS, nonzero ends the
 * transfer. seconds is for all of it, 0 = without end. Returns 0 = ended by the member or the time,
 * *result says how; 1 = ended by step; -1 with ERROR_CANCELED, ERROR_MEMORY or ERROR_STATE. */
#define ETCD_STEP_MS 200
typedef int etcd_step(void *context);
int etcd_transfer(struct etcd *etcd, const char *path, double seconds, etcd_step *step,
                  void *context, CURLcode *result, struct error *err);

/* etcd_next_member: go on with the next one of the cluster. */
void etcd_next_member(struct etcd *etcd);

/* etcd_set_failure: what became of a transfer to the present member that brought no good reply;
 * the reply's status is `status` (0 = none). ERROR_UNREACHABLE: another member may do better. */
int etcd_set_failure(struct etcd *etcd, CURLcode result, long status, struct error *err);
int etcd_set_refusal(struct etcd *etcd, const struct etcd_failure *failure, long status,
                     struct error *err);

/* etcd_call: etcd->request to one member after the other until `read` is content with a reply.
 * *repeated (may be NULL): a request without a good reply came before, which may have been done
 * too. */
typedef int etcd_read_reply(const struct etcd_body *body, void *context, struct error *err);
int etcd_call(struct etcd *etcd, const char *path, etcd_read_reply *read, void *context,
              bool *repeated, struct error *err);

/* Building requests. etcd_add_range: the members "key" and "range_end" of all keys that begin with
 * prefix (not empty). */
int etcd_add(struct buffer *buffer, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int etcd_add_text(struct buffer *buffer, const char *name, const char *text, struct error *err);
int etcd_add_range(struct buffer *buffer, const char *prefix, const char *behind,
                   struct error *err);

#endif
