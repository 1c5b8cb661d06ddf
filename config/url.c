#include "config/url.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define LONGEST_HOST 255

struct authority {
    char host[LONGEST_HOST + 1]; /* without the brackets of an IPv6 address */
    bool has_port;
    const char *rest; /* what follows */
};

static bool is_host_name(const char *host)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-._";
    return host[0] != '\0' && host[0] != '.' && host[0] != '-' &&
           host[strspn(host, allowed)] == '\0';
}

static bool is_ipv6(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET6, host, &address) == 1;
}

static bool read_host(const char **text, char host[LONGEST_HOST + 1])
{
    bool bracketed = **text == '[';
    const char *start = *text + bracketed;
    size_t length = strcspn(start, bracketed ? "]" : ":/");
    if (length > LONGEST_HOST || (bracketed && start[length] != ']'))
        return false;
    memcpy(host, start, length);
    host[length] = '\0';
    *text = start + length + bracketed;
    return bracketed ? is_ipv6(host) : is_host_name(host);
}

static bool read_port(const char **text)
{
    char digits[6];
    uint64_t port;
    size_t length = strcspn(*text, "/");
    if (length >= sizeof digits)
        return false;
    memcpy(digits, *text, length);
    digits[length] = '\0';
    *text += length;
    return text_parse_unsigned(digits, 65535, &port) && port > 0;
}

static bool read_authority(const char *text, struct authority *out)
{
    if (!read_host(&text, out->host))
        return false;
    out->has_port = *text == ':';
    if (out->has_port) {
        text++;
        if (!read_port(&text))
            return false;
    }
    out->rest = text;
    return *text == '\0' || *text == '/';
}

/* skip_scheme: what follows `http://` or `https://`, or NULL. */
static const char *skip_scheme(const char *text, bool *secure)
{
    *secure = strncasecmp(text, "https://", 8) == 0;
    if (*secure)
        return text + 8;
    return strncasecmp(text, "http://", 7) == 0 ? text + 7 : NULL;
}

static bool is_loopback(const char *host)
{
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == 127;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0;
}

bool url_is_base(const char *text)
{
    struct authority authority;
    bool secure;
    const char *behind = skip_scheme(text, &secure);
    if (behind == NULL || !read_authority(behind, &authority))
        return false;
    for (const char *at = authority.rest; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~' || strchr("?#\\\"<>", *at) != NULL)
            return false;
    }
    return true;
}

bool url_is_endpoint(const char *text)
{
    struct authority authority;
    bool secure;
    const char *behind = skip_scheme(text, &secure);
    if (behind == NULL || !read_authority(behind, &authority))
        return false;
    if (authority.rest[0] != '\0' && strcmp(authority.rest, "/") != 0)
        return false;
    return secure || is_loopback(authority.host);
}

bool url_is_address(const char *text)
{
    struct authority authority;
    return read_authority(text, &authority) && authority.has_port && authority.rest[0] == '\0';
}
