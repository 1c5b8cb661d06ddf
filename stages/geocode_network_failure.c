/* Why there is no reply: libcurl's results as causes, and details that give nothing away. */
#include "stages/geocode_network.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_MOST 200u
#define SECRET_LEAST 4u /* shorter values of the query are no secrets */

static enum failure_cause timeout_cause(const struct call *call)
{
    curl_off_t sent = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
    return sent > 0 ? CAUSE_TIMEOUT : CAUSE_CONNECT;
}

static enum failure_cause result_cause(const struct call *call, CURLcode result)
{
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        return timeout_cause(call);
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
    case CURLE_INTERFACE_FAILED:
    case CURLE_NO_CONNECTION_AVAILABLE:
        return CAUSE_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_USE_SSL_FAILED:
        return CAUSE_TLS;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_ABORTED_BY_CALLBACK: /* it was about to be sent again */
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_SEND_FAIL_REWIND:
        return CAUSE_RESET;
    default:
        return CAUSE_BAD_REPLY;
    }
}

static const char *describe(CURLcode result)
{
    switch (result) {
    case CURLE_GOT_NOTHING:
    case CURLE_ABORTED_BY_CALLBACK:
        return "the connection was closed without a reply";
    case CURLE_PARTIAL_FILE:
        return "the reply broke off";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return "the reply is not HTTP";
    default:
        return curl_easy_strerror(result);
    }
}

/* Overwrite every place where a value of the query stands in text. */
static void mask_value(char *text, const char *value, size_t length)
{
    char *found;
    while (length >= SECRET_LEAST && (found = memmem(text, strlen(text), value, length)) != NULL)
        memset(found, '*', length);
}

static void mask(const struct call *call, char *text)
{
    const char *at = (const char *)call->http.query.data;
    const char *end = at == NULL ? NULL : at + call->http.query.used;
    while (at < end) {
        const char *next = memchr(at, '&', (size_t)(end - at));
        if (next == NULL)
            next = end;
        const char *value = memchr(at, '=', (size_t)(next - at));
        if (value != NULL)
            mask_value(text, value + 1, (size_t)(next - value - 1));
        at = next + 1;
    }
    text[strcspn(text, "?")] = '\0';
}

void network_detail(const struct call *call, struct answer *failure, struct buffer *detail,
                    const char *format, ...)
{
    char line[DETAIL_MOST + 1];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    mask(call, line);
    for (char *at = line; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~')
            *at = ' ';
    }
    buffer_clear(detail);
    failure->detail = (struct slice){NULL, 0};
    if (buffer_append(detail, line, strlen(line), NULL) == 0)
        failure->detail = (struct slice){(const char *)detail->data, (uint32_t)detail->used};
}

void network_failure(const struct call *call, CURLcode result, struct answer *failure,
                     struct buffer *detail)
{
    *failure = (struct answer){
        .kind = ANSWER_FAILED, .cause = result_cause(call, result), .transient = true};
    if (call->too_long) {
        failure->cause = CAUSE_BAD_REPLY;
        network_detail(call, failure, detail, "the reply is longer than %zu bytes", call->limit);
    } else if (result == CURLE_OPERATION_TIMEDOUT) {
        network_detail(call, failure, detail, "%s",
                       failure->cause == CAUSE_CONNECT ? "no connection in time"
                                                       : "no reply in time");
    } else if (call->message[0] != '\0') {
        network_detail(call, failure, detail, "%s: %s", describe(result), call->message);
    } else {
        network_detail(call, failure, detail, "%s", describe(result));
    }
}
