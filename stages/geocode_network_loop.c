/* libcurl's multi handle on a libuv loop.
 *
 * Between two requests on a connection libcurl stops watching its socket. Here the poll handle
 * stays armed until the connection is closed, which saves the kernel calls that would disarm and
 * arm it again; should something arrive meanwhile (the server closes), it is disarmed then. What
 * libcurl has to say is taken once per turn of the loop, after all sockets were looked at. */
#include "stages/geocode_network.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_CONNECTIONS 4096L /* kept open */
#define ROUNDS 16              /* of starting and ending transfers, within one turn */

/* The poll handle of one socket. */
struct watch {
    uv_poll_t poll; /* first: the handle is the watch */
    struct transfers *transfers;
    curl_socket_t socket;
    int armed;   /* events polled for now */
    bool wanted; /* libcurl wants to hear of it */
    bool ours;   /* made by open_socket, so that close_socket ends it */
};

struct transfers {
    CURLM *multi;
    transfer_ended *ended;
    transfers_failed *failed;
    void *context;
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_check_t check;     /* after each poll: what has happened? */
    uv_idle_t idle;       /* runs while something is due at once */
    unsigned handles;     /* of these, and watches, not yet closed; the last one frees this */
    bool due_now;         /* libcurl wants to be called */
    uint64_t due;         /* loop time when it wants to be; UINT64_MAX = never */
    struct watch **watch; /* by socket */
    size_t sockets;       /* room in watch */
    bool broken;
};

/* --- handles ------------------------------------------------------------------------ */

static void handle_closed(struct transfers *transfers)
{
    if (--transfers->handles > 0)
        return;
    free(transfers->watch);
    free(transfers);
}

static void own_handle_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void watch_closed(uv_handle_t *handle)
{
    struct watch *watch = (struct watch *)handle;
    handle_closed(watch->transfers);
    free(watch);
}

static struct watch *find_watch(const struct transfers *transfers, curl_socket_t socket)
{
    return socket >= 0 && (size_t)socket < transfers->sockets ? transfers->watch[socket] : NULL;
}

static void drop_watch(struct transfers *transfers, curl_socket_t socket)
{
    struct watch *watch = find_watch(transfers, socket);
    if (watch == NULL)
        return;
    transfers->watch[socket] = NULL;
    uv_close((uv_handle_t *)&watch->poll, watch_closed);
}

static int make_room(struct transfers *transfers, size_t socket)
{
    size_t room = transfers->sockets == 0 ? 64 : transfers->sockets;
    while (room <= socket)
        room *= 2;
    if (room == transfers->sockets)
        return 0;
    struct watch **more = realloc(transfers->watch, room * sizeof(struct watch *));
    if (more == NULL)
        return -1;
    for (size_t i = transfers->sockets; i < room; i++)
        more[i] = NULL;
    transfers->watch = more;
    transfers->sockets = room;
    return 0;
}

static struct watch *make_watch(struct transfers *transfers, curl_socket_t socket)
{
    if (make_room(transfers, (size_t)socket) != 0)
        return NULL;
    drop_watch(transfers, socket);
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    if (uv_poll_init_socket(transfers->loop, &watch->poll, socket) != 0) {
        free(watch);
        return NULL;
    }
    watch->transfers = transfers;
    watch->socket = socket;
    transfers->handles++;
    transfers->watch[socket] = watch;
    return watch;
}

/* --- what has to be done -------------------------------------------------------------- */

static void break_off(struct transfers *transfers, CURLMcode why)
{
    struct error err;
    if (transfers->broken)
        return;
    transfers->broken = true;
    if (why == CURLM_OUT_OF_MEMORY)
        error_memory(&err, "a request");
    else
        error_set(&err, ERROR_STATE, "cannot ask the geocoder: %s", curl_multi_strerror(why));
    transfers->failed(transfers->context, &err);
}

static void act(struct transfers *transfers, curl_socket_t socket, int events)
{
    int running;
    CURLMcode result = curl_multi_socket_action(transfers->multi, socket, events, &running);
    if (result != CURLM_OK)
        break_off(transfers, result);
}

static bool take_ended(struct transfers *transfers)
{
    bool any = false;
    int left;
    CURLMsg *message;
    while (!transfers->broken &&
           (message = curl_multi_info_read(transfers->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result;
        (void)curl_multi_remove_handle(transfers->multi, easy);
        transfers->ended(transfers->context, easy, result);
        any = true;
    }
    return any;
}

static void timer_fired(uv_timer_t *timer);

/* libcurl moves its next moment with every request. The timer follows when that comes sooner; when
 * it comes later, the timer fires in vain and is set again. */
static void set_timer(struct transfers *transfers)
{
    if (transfers->due == UINT64_MAX)
        return;
    uint64_t now = uv_now(transfers->loop);
    uint64_t wait = transfers->due > now ? transfers->due - now : 0;
    if (!uv_is_active((uv_handle_t *)&transfers->timer) ||
        uv_timer_get_due_in(&transfers->timer) > wait)
        (void)uv_timer_start(&transfers->timer, timer_fired, wait, 0);
}

/* A transfer can end inside the call that starts it, with no event to come, and its end starts
 * another: go on until nothing moves, or leave the rest to the next turn. */
static void pump(struct transfers *transfers)
{
    bool moved = true;
    for (int round = 0; moved && round < ROUNDS && !transfers->broken; round++) {
        moved = false;
        if (transfers->due_now) {
            transfers->due_now = false;
            act(transfers, CURL_SOCKET_TIMEOUT, 0);
            moved = true;
        }
        moved = take_ended(transfers) || moved;
    }
    if (transfers->broken || (!moved && !transfers->due_now))
        (void)uv_idle_stop(&transfers->idle);
    set_timer(transfers);
}

static void after_poll(uv_check_t *check)
{
    pump(check->data);
}

static void idle_turn(uv_idle_t *idle)
{
    pump(idle->data);
}

/* Do what is due before the loop waits again. */
static void call_soon(struct transfers *transfers)
{
    transfers->due_now = true;
    (void)uv_idle_start(&transfers->idle, idle_turn);
}

static void timer_fired(uv_timer_t *timer)
{
    struct transfers *transfers = timer->data;
    if (transfers->due > uv_now(transfers->loop)) {
        set_timer(transfers);
        return;
    }
    transfers->due = UINT64_MAX;
    call_soon(transfers);
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = (struct watch *)poll;
    int what = 0;
    if (status < 0)
        watch->armed = 0; /* libuv has stopped it */
    if (!watch->wanted) {
        (void)uv_poll_stop(poll);
        watch->armed = 0;
        return;
    }
    if (status < 0)
        what = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    if (!watch->transfers->broken)
        act(watch->transfers, watch->socket, what);
}

/* --- what libcurl asks for ------------------------------------------------------------ */

static int timeout_changed(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    struct transfers *transfers = context;
    if (timeout_ms == 0)
        call_soon(transfers);
    else
        transfers->due =
            timeout_ms < 0 ? UINT64_MAX : uv_now(transfers->loop) + (uint64_t)timeout_ms;
    return 0;
}

static void unwatch(struct transfers *transfers, struct watch *watch)
{
    watch->wanted = false;
    if (!watch->ours) {
        drop_watch(transfers, watch->socket);
    } else if (watch->armed != UV_READABLE) {
        (void)uv_poll_stop(&watch->poll);
        watch->armed = 0;
    }
}

static int socket_changed(CURL *easy, curl_socket_t socket, int what, void *context, void *unused)
{
    (void)easy;
    (void)unused;
    struct transfers *transfers = context;
    struct watch *watch = find_watch(transfers, socket);
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL)
            unwatch(transfers, watch);
        return 0;
    }
    if (watch == NULL)
        watch = make_watch(transfers, socket);
    if (watch == NULL)
        return 0; /* its transfer runs into the timeout */
    int events = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        events |= UV_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        events |= UV_WRITABLE;
    watch->wanted = true;
    if (watch->armed != events && uv_poll_start(&watch->poll, events, socket_ready) == 0)
        watch->armed = events;
    return 0;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    struct transfers *transfers = context;
    int made = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (made < 0)
        return CURL_SOCKET_BAD;
    struct watch *watch = make_watch(transfers, made);
    if (watch == NULL) {
        (void)close(made);
        return CURL_SOCKET_BAD;
    }
    watch->ours = true;
    return made;
}

static int close_socket(void *context, curl_socket_t socket)
{
    drop_watch(context, socket);
    return close(socket);
}

/* --- beginning and end ------------------------------------------------------------------ */

int transfers_prepare(struct transfers *transfers, CURL *easy, struct error *err)
{
    if (curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfers) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfers) != CURLE_OK)
        return error_set(err, ERROR_STATE, "libcurl does not know an option");
    return 0;
}

int transfers_add(struct transfers *transfers, CURL *easy, struct error *err)
{
    CURLMcode result =
        transfers->broken ? CURLM_INTERNAL_ERROR : curl_multi_add_handle(transfers->multi, easy);
    if (result == CURLM_OUT_OF_MEMORY)
        return error_memory(err, "a request");
    if (result != CURLM_OK)
        return error_set(err, ERROR_STATE, "cannot ask the geocoder: %s",
                         curl_multi_strerror(result));
    return 0;
}

void transfers_remove(struct transfers *transfers, CURL *easy)
{
    (void)curl_multi_remove_handle(transfers->multi, easy);
}

static int set_multi(struct transfers *transfers, struct error *err)
{
    CURLM *multi = transfers->multi;
    if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_changed) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, transfers) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timeout_changed) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_TIMERDATA, transfers) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, MOST_CONNECTIONS) != CURLM_OK)
        return error_set(err, ERROR_STATE, "libcurl does not know an option");
    return 0;
}

int transfers_open(struct transfers **out, uv_loop_t *loop, transfer_ended *ended,
                   transfers_failed *failed, void *context, struct error *err)
{
    struct transfers *transfers = calloc(1, sizeof *transfers);
    if (transfers == NULL)
        return error_memory(err, "a worker");
    transfers->loop = loop;
    transfers->ended = ended;
    transfers->failed = failed;
    transfers->context = context;
    transfers->due = UINT64_MAX;
    transfers->multi = curl_multi_init();
    if (transfers->multi == NULL) {
        error_memory(err, "a worker");
        goto fail;
    }
    if (set_multi(transfers, err) != 0)
        goto fail;
    (void)uv_timer_init(loop, &transfers->timer);
    (void)uv_check_init(loop, &transfers->check);
    (void)uv_idle_init(loop, &transfers->idle);
    transfers->handles = 3;
    transfers->timer.data = transfers->check.data = transfers->idle.data = transfers;
    (void)uv_check_start(&transfers->check, after_poll);
    *out = transfers;
    return 0;
fail:
    if (transfers->multi != NULL)
        (void)curl_multi_cleanup(transfers->multi);
    free(transfers);
    return -1;
}

void transfers_close(struct transfers *transfers)
{
    if (transfers == NULL)
        return;
    (void)curl_multi_cleanup(transfers->multi);
    for (size_t i = 0; i < transfers->sockets; i++)
        drop_watch(transfers, (curl_socket_t)i);
    uv_close((uv_handle_t *)&transfers->timer, own_handle_closed);
    uv_close((uv_handle_t *)&transfers->check, own_handle_closed);
    uv_close((uv_handle_t *)&transfers->idle, own_handle_closed);
}
