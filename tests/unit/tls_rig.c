#include "tests/unit/tls_rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/listen.h"
#include "tests/unit/certificates_rig.h"

#define PATIENCE 20000 /* milliseconds */

static gnutls_certificate_credentials_t credentials(const struct exchange_identity *identity)
{
    gnutls_certificate_credentials_t made;
    assert_int_equal(gnutls_certificate_allocate_credentials(&made), 0);
    if (identity != NULL)
        assert_int_equal(gnutls_certificate_set_x509_key_file(
                             made, identity->cert_file, identity->key_file, GNUTLS_X509_FMT_PEM),
                         0);
    return made;
}

static gnutls_session_t begin(int fd, unsigned side, gnutls_certificate_credentials_t credentials)
{
    gnutls_session_t session;
    assert_int_equal(gnutls_init(&session, side | GNUTLS_NO_SIGNAL), 0);
    assert_int_equal(gnutls_set_default_priority(session), 0);
    assert_int_equal(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials), 0);
    gnutls_transport_set_int(session, fd);
    gnutls_handshake_set_timeout(session, PATIENCE);
    gnutls_record_set_timeout(session, PATIENCE);
    return session;
}

static int shake_hands(gnutls_session_t session)
{
    int code;
    do {
        code = gnutls_handshake(session);
    } while (code < 0 && gnutls_error_is_fatal(code) == 0);
    return code;
}

/* --- the client ------------------------------------------------------------------------ */

static int connect_to(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void read_reply(gnutls_session_t session, size_t length, struct buffer *reply)
{
    char block[4096];
    while (length == 0 || reply->used < length) {
        ssize_t got = gnutls_record_recv(session, block, sizeof block);
        if (got == GNUTLS_E_INTERRUPTED || got == GNUTLS_E_AGAIN)
            continue;
        assert_int_not_equal(got, GNUTLS_E_TIMEDOUT);
        if (got <= 0)
            return;
        assert_int_equal(buffer_append(reply, block, (size_t)got, NULL), 0);
    }
}

void tls_rig_ask(unsigned port, const struct exchange_identity *identity, const char *text,
                 size_t length, struct buffer *reply)
{
    gnutls_certificate_credentials_t mine = credentials(identity);
    int fd = connect_to(port);
    gnutls_session_t session = begin(fd, GNUTLS_CLIENT, mine);
    if (shake_hands(session) == 0) {
        (void)gnutls_record_send(session, text, strlen(text));
        read_reply(session, length, reply);
    }
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(mine);
    (void)close(fd);
}

/* --- the liar -------------------------------------------------------------------------- */

struct liar_work {
    const struct lie *lies;
    size_t count;
    int listener, stop[2]; /* a pipe: closed to stop */
    gnutls_certificate_credentials_t credentials;
    pthread_t thread;
};

/* false: the liar is closed. */
static bool wait_for(const struct liar_work *work, int fd)
{
    struct pollfd both[2] = {{.fd = fd, .events = POLLIN}, {.fd = work->stop[0], .events = POLLIN}};
    return poll(both, 2, -1) > 0 && both[1].revents == 0;
}

static bool read_request(gnutls_session_t session, char *out, size_t room)
{
    size_t used = 0;
    while (used + 1 < room) {
        ssize_t got = gnutls_record_recv(session, out + used, room - 1 - used);
        if (got == GNUTLS_E_INTERRUPTED || got == GNUTLS_E_AGAIN)
            continue;
        if (got <= 0)
            return false;
        used += (size_t)got;
        out[used] = '\0';
        if (strstr(out, "\r\n\r\n") != NULL)
            return true;
    }
    return false;
}

static void send_all(gnutls_session_t session, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t sent = gnutls_record_send(session, data, bytes);
        if (sent == GNUTLS_E_INTERRUPTED || sent == GNUTLS_E_AGAIN)
            continue;
        if (sent <= 0)
            return;
        data += sent;
        bytes -= (size_t)sent;
    }
}

static void tell(struct liar_work *work, gnutls_session_t session, int fd, const struct lie *lie)
{
    char head[400];
    size_t announced = lie->announced != 0 ? lie->announced : lie->bytes;
    (void)snprintf(head, sizeof head, "%s\r\nContent-Length: %zu\r\n\r\n",
                   lie->head != NULL ? lie->head : "HTTP/1.1 200 OK", announced);
    send_all(session, head, strlen(head));
    send_all(session, lie->body, lie->bytes);
    if (lie->end == LIAR_STALLS)
        (void)wait_for(work, fd);
    if (lie->end == LIAR_CLOSES)
        (void)gnutls_bye(session, GNUTLS_SHUT_WR);
}

static void serve(struct liar *liar, int fd)
{
    struct liar_work *work = liar->work;
    unsigned turn = atomic_load(&liar->asked);
    const struct lie *lie = &work->lies[turn < work->count ? turn : work->count - 1];
    if (lie->end == LIAR_SLAMS) {
        atomic_fetch_add(&liar->asked, 1);
        return;
    }
    gnutls_session_t session = begin(fd, GNUTLS_SERVER, work->credentials);
    if (shake_hands(session) == 0 &&
        read_request(session, liar->requests[turn % LIAR_REQUESTS], sizeof liar->requests[0])) {
        atomic_fetch_add(&liar->asked, 1);
        tell(work, session, fd, lie);
    }
    gnutls_deinit(session);
}

static void *work_through(void *context)
{
    struct liar *liar = context;
    while (wait_for(liar->work, liar->work->listener)) {
        int fd = accept4(liar->work->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        serve(liar, fd);
        (void)close(fd);
    }
    return NULL;
}

void liar_open(struct liar *liar, const struct lie *lies, size_t count)
{
    static const struct listen_buffers buffers = {0, 0};
    struct exchange_identity identity = certificates_rig_identity("other");
    struct liar_work *work = calloc(1, sizeof *work);
    assert_non_null(work);
    memset(liar, 0, sizeof *liar);
    *work = (struct liar_work){.lies = lies, .count = count};
    work->credentials = credentials(&identity);
    assert_int_equal(listen_open("127.0.0.1:0", buffers, &work->listener, &liar->port, NULL), 0);
    (void)snprintf(liar->address, sizeof liar->address, "127.0.0.1:%u", liar->port);
    assert_int_equal(pipe(work->stop), 0);
    liar->work = work;
    assert_int_equal(pthread_create(&work->thread, NULL, work_through, liar), 0);
}

void liar_close(struct liar *liar)
{
    struct liar_work *work = liar->work;
    (void)close(work->stop[1]);
    (void)pthread_join(work->thread, NULL);
    (void)close(work->stop[0]);
    (void)close(work->listener);
    gnutls_certificate_free_credentials(work->credentials);
    free(work);
    liar->work = NULL;
}
