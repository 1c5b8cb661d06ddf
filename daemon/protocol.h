/* What refreshd and refreshctl say to each other over the control socket (daemon/DESIGN.md).
 *
 * A request is one line of JSON, {"command":"start","arguments":{...}}; a reply is one line too,
 * {"ok":true,...} or {"ok":false,"code":"state","error":"..."}. A reply with "attached":N is
 * followed by N plain bytes. An import's bytes travel in frames: four bytes of length, most
 * significant first, then as many bytes; the frame of length 0 is the end, so that a client that
 * dies is told from one that is done.
 *
 * Everything here works on memory alone and keeps no state but the caller's. */
#ifndef REFRESHD_DAEMON_PROTOCOL_H
#define REFRESHD_DAEMON_PROTOCOL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

#define PROTOCOL_REQUEST_LIMIT ((size_t)1 << 20)
#define PROTOCOL_REPLY_LIMIT ((size_t)64 << 20)
#define PROTOCOL_FRAME_LIMIT ((uint32_t)1 << 20)
#define PROTOCOL_FRAME_HEAD 4

/* The reason of a pause that an operator asked for: every other pause waits for a person. */
#define PAUSED_BY_OPERATOR "paused by the operator"

/* Exit statuses of refreshctl (CONTRACT). */
enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3,
    EXIT_POINTS_FAILED = 4,
    EXIT_HELD = 5
};

/* protocol_exit: the exit status for an error. */
int protocol_exit(enum error_code code);

/* Bytes as they come, cut into lines. Zero it and set limit to begin with. */
struct protocol_lines {
    struct buffer bytes;
    size_t taken; /* bytes of `bytes` given out already */
    size_t limit; /* longest line */
};

int protocol_lines_add(struct protocol_lines *lines, const void *data, size_t bytes,
                       struct error *err);

/* protocol_lines_next: the next whole line, NUL-terminated, without its end; valid until the next
 * add. 1 = *line, 0 = none yet, -1 = a line is longer than the limit. */
int protocol_lines_next(struct protocol_lines *lines, char **line, size_t *length,
                        struct error *err);

/* protocol_lines_rest: bytes that no line has taken; protocol_lines_skip takes some of them. */
size_t protocol_lines_rest(const struct protocol_lines *lines, const unsigned char **data);
void protocol_lines_skip(struct protocol_lines *lines, size_t bytes);

void protocol_lines_free(struct protocol_lines *lines);

/* Frames as they come, cut into pieces of payload. Zero it to begin with. */
struct protocol_frames {
    unsigned char head[PROTOCOL_FRAME_HEAD];
    unsigned have; /* bytes of head */
    uint32_t left; /* payload bytes of the frame still to come */
    bool ended;    /* the end frame was read */
};

/* protocol_frames_next: take the next piece of payload out of [*data, *data + *bytes), which moves
 * on. 1 = *piece of *length bytes, 0 = no more bytes or the end (see ended), -1 = a frame over the
 * limit, or bytes behind the end. */
int protocol_frames_next(struct protocol_frames *frames, const unsigned char **data, size_t *bytes,
                         const unsigned char **piece, size_t *length, struct error *err);

void protocol_frame_head(uint32_t length, unsigned char head[PROTOCOL_FRAME_HEAD]);

struct protocol_request {
    cJSON *json; /* owns the two below */
    const char *command;
    const cJSON *arguments; /* an object, or NULL */
};

/* protocol_request_parse: ERROR_USAGE when the line is no request. */
int protocol_request_parse(struct protocol_request *request, const char *line, size_t length,
                           struct error *err);
void protocol_request_free(struct protocol_request *request);

/* Arguments by name: 1 = present and *out written, 0 = absent or null, -1 = of another type or out
 * of range (ERROR_USAGE names it). Texts live as long as the request. */
int protocol_number(const cJSON *arguments, const char *name, double least, double most,
                    double *out, struct error *err);
int protocol_whole(const cJSON *arguments, const char *name, uint64_t least, uint64_t most,
                   uint64_t *out, struct error *err);
int protocol_flag(const cJSON *arguments, const char *name, bool *out, struct error *err);
int protocol_text(const cJSON *arguments, const char *name, const char **out, struct error *err);

/* protocol_only: refuse an argument that is not among names (which ends in NULL). */
int protocol_only(const cJSON *arguments, const char *const *names, struct error *err);

/* protocol_tiles: set a bit for each tile of a list such as "3,7-9". ERROR_USAGE says what is
 * wrong; tiles is how many there are. bitmap has (tiles + 7) / 8 bytes and is emptied first. */
int protocol_tiles(const char *text, uint32_t tiles, uint8_t *bitmap, struct error *err);

/* protocol_reply_error: {"ok":false,...}; NULL when out of memory. */
cJSON *protocol_reply_error(const struct error *err);

/* protocol_reply_check: 0 when the reply says ok, else err is what it says. */
int protocol_reply_check(const cJSON *reply, struct error *err);

#endif
