/* A tiny HTTP server for tests of the transport: on a free loopback port, a thread a connection;
 * the n-th request gets the n-th step of the script, those beyond it the last one. */
#ifndef REFRESHD_TESTS_UNIT_HTTP_SCRIPT_H
#define REFRESHD_TESTS_UNIT_HTTP_SCRIPT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define SCRIPT_STEPS 8
#define SCRIPT_CONNECTIONS 512

enum after {
    AFTER_KEEP,  /* wait for the next request */
    AFTER_CLOSE, /* in order, but without having said so */
    AFTER_RESET,
    AFTER_HANG, /* until the client goes */
};

struct step {
    const char *reply; /* NULL: 200 and the request's first line and body, as text */
    size_t filler;     /* more bytes behind it, as many as the client takes */
    enum after after;
};

struct http_script {
    struct step steps[SCRIPT_STEPS];
    size_t count;
    unsigned port;
    _Atomic unsigned requests;
    _Atomic unsigned connections;
    _Atomic bool expect_seen; /* a request had an Expect header */
    char last_agent[100];     /* of the first request; read it when the requests have ended */
    int listener;
    pthread_t acceptor;
    pthread_t threads[SCRIPT_CONNECTIONS];
    int sockets[SCRIPT_CONNECTIONS];
};

void http_script_start(struct http_script *script);
void http_script_stop(struct http_script *script);

#endif
