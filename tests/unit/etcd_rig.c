#include "tests/unit/etcd_rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define START_SECONDS 60.0
#define ATTEMPTS 3 /* a port may be taken before etcd has it */
#define TEXT_ROOM 400

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0 || bind(made, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(made, (struct sockaddr *)&address, &length) != 0)
        abort();
    (void)close(made);
    return ntohs(address.sin_port);
}

static void list_members(const struct etcd_rig *rig, char out[TEXT_ROOM])
{
    size_t used = 0;
    for (size_t i = 0; i < rig->members; i++)
        used += (size_t)snprintf(out + used, TEXT_ROOM - used, "%sm%zu=http://127.0.0.1:%u",
                                 i == 0 ? "" : ",", i, rig->peer_ports[i]);
}

/* In the child: becomes etcd. */
static void run(const struct etcd_rig *rig, size_t member, pid_t parent)
{
    char name[8], data[TEXT_ROOM], peer[TEXT_ROOM], cluster[TEXT_ROOM];
    char texts[6][TEXT_ROOM] = {"PATH=/usr/bin:/bin", "GOMAXPROCS=2", "ETCD_CLIENT_CERT_AUTH=true"};
    bool secure = rig->cert != NULL;
    char *const environment[] = {texts[0], texts[1], secure ? texts[2] : NULL, texts[3], texts[4],
                                 texts[5], NULL};
    int nowhere = open("/dev/null", O_RDWR);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || nowhere < 0)
        _exit(1);
    (void)dup2(nowhere, STDOUT_FILENO);
    (void)dup2(nowhere, STDERR_FILENO);
    (void)snprintf(texts[3], TEXT_ROOM, "ETCD_CERT_FILE=%s", secure ? rig->cert : "");
    (void)snprintf(texts[4], TEXT_ROOM, "ETCD_KEY_FILE=%s", secure ? rig->key : "");
    (void)snprintf(texts[5], TEXT_ROOM, "ETCD_TRUSTED_CA_FILE=%s", secure ? rig->ca : "");
    (void)snprintf(name, sizeof name, "m%zu", member);
    (void)snprintf(data, sizeof data, "%s/m%zu", rig->directory, member);
    (void)snprintf(peer, sizeof peer, "http://127.0.0.1:%u", rig->peer_ports[member]);
    list_members(rig, cluster);
    const char *url = rig->urls[member];
    (void)execle("/usr/bin/etcd", "etcd", "--name", name, "--data-dir", data,
                 "--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls",
                 peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
                 "--pre-vote", "--heartbeat-interval", "50", "--election-timeout", "500",
                 "--logger", "zap", "--log-level", "error", (char *)NULL, environment);
    _exit(127);
}

static void start_member(struct etcd_rig *rig, size_t member)
{
    pid_t parent = getpid(), made = fork();
    if (made < 0)
        abort();
    if (made == 0)
        run(rig, member, parent);
    rig->pids[member] = made;
}

static bool has_ended(struct etcd_rig *rig, size_t member)
{
    if (waitpid(rig->pids[member], NULL, WNOHANG) != rig->pids[member])
        return false;
    rig->pids[member] = 0;
    return true;
}

/* A linearizable read by one member. */
static bool answers(const struct etcd_rig *rig, size_t member)
{
    struct etcd_settings settings = rig->settings;
    struct etcd_range range;
    struct etcd *etcd;
    settings.endpoints = &rig->endpoints[member];
    settings.endpoint_count = 1;
    if (etcd_open(&etcd, &settings, NULL) != 0)
        abort();
    bool good = etcd_get(etcd, "health", &range, NULL) == 0;
    if (good)
        etcd_range_free(&range);
    etcd_close(etcd);
    return good;
}

static bool wait_for(struct etcd_rig *rig, size_t member)
{
    struct timespec pause = {.tv_nsec = 20000000};
    double end = clock_monotonic() + START_SECONDS;
    while (!answers(rig, member)) {
        if (has_ended(rig, member) || clock_monotonic() > end)
            return false;
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

static bool start_all(struct etcd_rig *rig)
{
    bool good = true;
    for (size_t i = 0; i < rig->members; i++) {
        rig->client_ports[i] = free_port();
        rig->peer_ports[i] = free_port();
        (void)snprintf(rig->urls[i], sizeof rig->urls[i], "%s://127.0.0.1:%u",
                       rig->cert == NULL ? "http" : "https", rig->client_ports[i]);
        rig->endpoints[i] = rig->urls[i];
    }
    for (size_t i = 0; i < rig->members; i++)
        start_member(rig, i);
    for (size_t i = 0; good && i < rig->members; i++)
        good = wait_for(rig, i);
    return good;
}

static bool start_rig(struct etcd_rig *rig)
{
    rig->settings = (struct etcd_settings){.endpoints = rig->endpoints,
                                           .endpoint_count = rig->members,
                                           .timeout = 1.0,
                                           .ca_file = rig->ca,
                                           .cert_file = rig->cert,
                                           .key_file = rig->key};
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        (void)snprintf(rig->directory, sizeof rig->directory, "%s/test-etcd-XXXXXX", parent);
        if (mkdtemp(rig->directory) == NULL)
            abort();
        if (start_all(rig))
            return true;
        etcd_rig_stop(rig);
    }
    return false;
}

bool etcd_rig_start(struct etcd_rig *rig, size_t members)
{
    *rig = (struct etcd_rig){.members = members};
    return start_rig(rig);
}

bool etcd_rig_start_secure(struct etcd_rig *rig, const char *cert, const char *key, const char *ca)
{
    *rig = (struct etcd_rig){.members = 1, .cert = cert, .key = key, .ca = ca};
    return start_rig(rig);
}

static void remove_tree(const char *directory)
{
    pid_t made = fork();
    if (made == 0) {
        (void)execl("/bin/rm", "rm", "-rf", directory, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(made, NULL, 0);
}

void etcd_rig_stop(struct etcd_rig *rig)
{
    for (size_t i = 0; i < rig->members; i++)
        etcd_rig_kill(rig, i);
    remove_tree(rig->directory);
}

void etcd_rig_kill(struct etcd_rig *rig, size_t member)
{
    if (rig->pids[member] == 0)
        return;
    (void)kill(rig->pids[member], SIGKILL);
    (void)waitpid(rig->pids[member], NULL, 0);
    rig->pids[member] = 0;
}

void etcd_rig_pause(struct etcd_rig *rig, size_t member)
{
    (void)kill(rig->pids[member], SIGSTOP);
}

void etcd_rig_go_on(struct etcd_rig *rig, size_t member)
{
    (void)kill(rig->pids[member], SIGCONT);
}

bool etcd_rig_again(struct etcd_rig *rig, size_t member)
{
    start_member(rig, member);
    return wait_for(rig, member);
}
