/* stub_geocoder: a geocoder for tests and benchmarks; DESIGN.md says what it can do. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "tests/stub/emit.h"
#include "tests/stub/server.h"

struct options {
    int port;
    const char *address, *log, *script, *certificate, *certificate_key;
    bool http1;
};

static const char usage[] =
    "usage: stub_geocoder [--provider NAME] [--address IPV4] [--port N] [--prefix PATH] [--key "
    "KEY]\n"
    "                     [--log FILE] [--script FILE] [--version N] [--empty K] [--delay MS]\n"
    "                     [--client-rate POINTS_PER_SECOND]\n"
    "                     [--cert FILE --cert-key FILE [--http1]]\n"
    "prints the port it listens on (of 127.0.0.1) and serves until SIGTERM\n";

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

static bool read_options(int count, char **words, struct stub *stub, struct options *options)
{
    static const struct option names[] = {
        {"provider", required_argument, NULL, 'p'},
        {"address", required_argument, NULL, 'a'},
        {"port", required_argument, NULL, 'P'},
        {"client-rate", required_argument, NULL, 'r'},
        {"prefix", required_argument, NULL, 'x'},
        {"key", required_argument, NULL, 'k'},
        {"log", required_argument, NULL, 'l'},
        {"script", required_argument, NULL, 's'},
        {"version", required_argument, NULL, 'v'},
        {"empty", required_argument, NULL, 'e'},
        {"delay", required_argument, NULL, 'd'},
        {"cert", required_argument, NULL, 'c'},
        {"cert-key", required_argument, NULL, 'C'},
        {"http1", no_argument, NULL, '1'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(count, words, "", names, NULL)) != -1) {
        switch (option) {
        case 'p':
            stub->provider = optarg;
            break;
        case 'a':
            options->address = optarg;
            break;
        case 'r':
            stub->clients.rate = strtod(optarg, NULL);
            break;
        case 'P':
            options->port = (int)number(optarg);
            break;
        case 'x':
            stub->prefix = optarg;
            break;
        case 'k':
            stub->key = optarg;
            break;
        case 'l':
            options->log = optarg;
            break;
        case 's':
            options->script = optarg;
            break;
        case 'v':
            stub->script.version = number(optarg);
            break;
        case 'e':
            stub->script.empty = number(optarg);
            break;
        case 'd':
            stub->script.delay_ms = number(optarg);
            break;
        case 'c':
            options->certificate = optarg;
            break;
        case 'C':
            options->certificate_key = optarg;
            break;
        case '1':
            options->http1 = true;
            break;
        default:
            return false;
        }
    }
    return optind == count && (options->certificate == NULL) == (options->certificate_key == NULL);
}

static bool read_script(struct stub *stub, const char *path)
{
    struct buffer text = {0};
    char piece[4096], message[200];
    size_t got;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        perror(path);
        return false;
    }
    while ((got = fread(piece, 1, sizeof piece, file)) > 0)
        emit_bytes(&text, piece, got);
    (void)fclose(file);
    bool good = script_set(&stub->script, text.used == 0 ? "" : (const char *)text.data, text.used,
                           message);
    if (!good)
        (void)fprintf(stderr, "stub_geocoder: %s\n", message);
    buffer_free(&text);
    return good;
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
    (void)signal_number;
    server_close(handle->data);
    uv_close((uv_handle_t *)handle, NULL);
}

static int serve(struct server *server, const struct options *options)
{
    uv_signal_t end;
    int bound = server_listen(server, options->address, options->port);
    if (bound < 0) {
        (void)fprintf(stderr, "stub_geocoder: cannot listen: %s\n", uv_strerror(bound));
        return 1;
    }
    (void)uv_signal_init(server->loop, &end);
    end.data = server;
    (void)uv_signal_start(&end, on_signal, SIGTERM);
    (void)printf("%d\n", bound);
    (void)fflush(stdout);
    (void)uv_run(server->loop, UV_RUN_DEFAULT);
    return uv_loop_close(server->loop) == 0 ? 0 : 1;
}

int main(int count, char **words)
{
    struct stub stub = {.provider = "nominatim", .prefix = "", .script.version = 1};
    struct options options = {.address = "127.0.0.1"};
    struct server server = {.loop = uv_default_loop(), .stub = &stub};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* no test leaves it behind */
    (void)signal(SIGPIPE, SIG_IGN);
    if (!read_options(count, words, &stub, &options)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    if (options.script != NULL && !read_script(&stub, options.script))
        return 2;
    if (journal_open(&stub.journal, options.log) != 0) {
        perror(options.log);
        return 1;
    }
    if (options.certificate != NULL) {
        server.tls = tls_open(options.certificate, options.certificate_key, !options.http1);
        if (server.tls == NULL)
            return 1;
    }
    int status = serve(&server, &options);
    tls_close(server.tls);
    journal_close(&stub.journal);
    script_free(&stub.script);
    free(stub.rows.row);
    return status;
}
