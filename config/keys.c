#include "config/key.h"

#include <string.h>

#include "config/config.h"

#define AT(member) offsetof(struct config, member)

#define DAYS(n) ((n)*86400.0)
#define LONGEST_DURATION DAYS(3650)
#define LONGEST_TEXT 180
#define LONGEST_WORD 64
#define LONGEST_SOCKET_PATH 107 /* sun_path, with its NUL */
#define HALF_THE_EARTH 20037508.0

static const char *const publish_choices[] = {"run", "tile", NULL};
static const char *const on_miss_choices[] = {"none", "fetch", NULL};
static const char *const switch_choices[] = {"all", "quorum", NULL};

const struct config_key config_keys[] = {
    {"cache", "directory", CONFIG_PATH, AT(cache.directory), 1, LONGEST_TEXT, NULL,
     "/var/lib/refreshd/cache", false, "Where the cache lives: MANIFEST and the file pairs."},
    {"cache", "grid", CONFIG_GRID, AT(cache.grid), 1, 100, NULL, "24x24", false,
     "Rows x columns of tiles over the world, for a cache that is made new; an existing cache\n"
     "keeps its own."},
    {"cache", "keep_generations", CONFIG_COUNT, AT(cache.keep_generations), 1, 10000, NULL, "3",
     false,
     "Published generations to keep, the current one included; the older ones are the\n"
     "backups that `refreshctl cache rollback` goes back to."},

    {"refresh", "state_directory", CONFIG_PATH, AT(refresh.state_directory), 1, LONGEST_TEXT, NULL,
     "/var/lib/refreshd/state", false, "Where a run keeps its point files, answers and ledger."},
    {"refresh", "point_files", CONFIG_COUNT, AT(refresh.point_files), 1, 65536, NULL, "4096", true,
     "Equal shares that a run's points are divided into."},
    {"refresh", "workers", CONFIG_COUNT, AT(refresh.workers), 1, 64, NULL, "4", true,
     "Threads that put questions to the geocoder."},
    {"refresh", "publish", CONFIG_CHOICE, AT(refresh.publish), 0, 0, publish_choices, "run", true,
     "run: all tiles are switched over at once, at the end of the run.\n"
     "tile: each tile as soon as it is ready; not in a fleet."},
    {"refresh", "older_than", CONFIG_DURATION, AT(refresh.older_than), 0, LONGEST_DURATION, NULL,
     "0", true, "Ask only for entries older than this again; 0 = every entry."},
    {"refresh", "finish_within", CONFIG_DURATION, AT(refresh.finish_within), 0, LONGEST_DURATION,
     NULL, "0", true, "Spread a run evenly over this time; 0 = as fast as it goes."},
    {"refresh", "max_failed", CONFIG_PERCENT, AT(refresh.max_failed), 0, 1, NULL, "5%", false,
     "A run pauses itself when more of its points than this failed."},

    {"gate", "max_lost", CONFIG_PERCENT, AT(gate.max_lost), 0, 1, NULL, "1%", false,
     "Points that had an address before and have none now, at most; else the run is held."},
    {"gate", "max_country_changed", CONFIG_PERCENT, AT(gate.max_country_changed), 0, 1, NULL, "2%",
     false, "Points whose country changed, at most; else the run is held."},
    {"gate", "max_changed", CONFIG_PERCENT, AT(gate.max_changed), 0, 1, NULL, "100%", false,
     "Points whose address changed at all, at most; else the run is held."},

    {"geocoder", "provider", CONFIG_WORD, AT(geocoder.provider), 1, LONGEST_WORD, NULL, "gazetteer",
     false, "Who answers. gazetteer: the embedded places of GeoNames, no network."},
    {"geocoder", "url", CONFIG_URL, AT(geocoder.url), 0, LONGEST_TEXT, NULL, "", false,
     "Base address of the geocoder; the provider's path is added to it."},
    {"geocoder", "key_file", CONFIG_PATH, AT(geocoder.key_file), 0, LONGEST_TEXT, NULL, "", false,
     "File that holds the geocoder's key; white space around the key is cut. Empty = the systemd\n"
     "credential geocoder-key (LoadCredential=geocoder-key:FILE), where there is one."},
    {"geocoder", "ca_file", CONFIG_PATH, AT(geocoder.ca_file), 0, LONGEST_TEXT, NULL, "", false,
     "Certificates of the authorities to trust, as PEM; empty = the system's."},
    {"geocoder", "language", CONFIG_TEXT, AT(geocoder.language), 0, LONGEST_TEXT, NULL, "", false,
     "Languages to prefer in answers, as in Accept-Language; empty = the geocoder's own."},
    {"geocoder", "user_agent", CONFIG_TEXT, AT(geocoder.user_agent), 0, LONGEST_TEXT, NULL,
     "refreshd/" REFRESHD_VERSION, false,
     "How requests introduce themselves; public geocoders ask for a contact in it."},
    {"geocoder", "rate", CONFIG_NUMBER, AT(geocoder.rate), 0, 1e9, NULL, "0", true,
     "Points per second over all workers, at most; 0 = unlimited."},
    {"geocoder", "concurrency", CONFIG_COUNT, AT(geocoder.concurrency), 1, 4096, NULL, "16", true,
     "Requests in flight for each worker."},
    {"geocoder", "batch", CONFIG_COUNT, AT(geocoder.batch), 1, 10000, NULL, "1", false,
     "Points in one request, where the provider has batches."},
    {"geocoder", "timeout", CONFIG_DURATION, AT(geocoder.timeout), 0.001, DAYS(1), NULL, "10s",
     false, "How long one request may take."},
    {"geocoder", "retries", CONFIG_COUNT, AT(geocoder.retries), 0, 100, NULL, "4", false,
     "How often a point is asked again after a fault that may pass."},
    {"geocoder", "max_distance", CONFIG_DISTANCE, AT(geocoder.max_distance), 0, HALF_THE_EARTH,
     NULL, "0", false, "An address farther than this from its point is no answer; 0 = any."},
    {"geocoder", "storage_permitted", CONFIG_FLAG, AT(geocoder.storage_permitted), 0, 0, NULL, "no",
     false,
     "yes: you have a contract by which answers may be kept, where the provider's terms\n"
     "forbid it to others."},

    {"lookup", "radius", CONFIG_DISTANCE, AT(lookup.radius), 0, HALF_THE_EARTH, NULL, "100m", true,
     "How far from the point looked up an entry may lie."},
    {"lookup", "on_miss", CONFIG_CHOICE, AT(lookup.on_miss), 0, 0, on_miss_choices, "none", true,
     "none: a miss is a miss. fetch: ask the geocoder and learn the point."},
    {"lookup", "learned_max", CONFIG_COUNT, AT(lookup.learned_max), 0, 1e9, NULL, "1000000", true,
     "Learned points to keep until the next run folds them in, at most."},
    {"lookup", "fetch_timeout", CONFIG_DURATION, AT(lookup.fetch_timeout), 0.001, 3600, NULL, "3s",
     true, "How long a lookup that missed waits for the geocoder's answer."},

    {"http", "listen", CONFIG_ADDRESS, AT(http.listen), 0, LONGEST_TEXT, NULL, "127.0.0.1:8576",
     false, "HOST:PORT for lookups, metrics and the dashboard; empty = off."},
    {"http", "threads", CONFIG_COUNT, AT(http.threads), 1, 256, NULL, "2", false,
     "Threads that serve HTTP."},
    {"http", "max_connections", CONFIG_COUNT, AT(http.max_connections), 1, 1000000, NULL, "20000",
     false, "Connections open at the same time, at most; more wait to be accepted."},
    {"http", "max_header", CONFIG_SIZE, AT(http.max_header), 1024, 1 << 20, NULL, "8K", false,
     "Bytes that request line and headers may have; more are refused (431)."},
    {"http", "timeout", CONFIG_DURATION, AT(http.timeout), 1, 3600, NULL, "30s", false,
     "A connection that has not finished a request for so long is closed."},
    {"http", "client_rate", CONFIG_NUMBER, AT(http.client_rate), 0, 1e9, NULL, "0", false,
     "Requests per second from one client address, at most; more are refused (429); 0 = any."},

    {"control", "socket", CONFIG_PATH, AT(control.socket), 1, LONGEST_SOCKET_PATH, NULL,
     "/run/refreshd/control.sock", false, "The socket that refreshctl talks to."},
    {"control", "group", CONFIG_TEXT, AT(control.group), 0, LONGEST_WORD, NULL, "", false,
     "Members of this group may use the socket as well; empty = root and the daemon's user."},

    {"peers", "endpoints", CONFIG_URL_LIST, AT(peers.endpoints), 0, 64, NULL, "", false,
     "The etcd members, as URLs separated by commas; may be given several times; empty = alone.\n"
     "http:// is accepted for loopback addresses only. With endpoints this server is a peer of a\n"
     "fleet, and advertise, listen, ca_file, cert_file and key_file must be given."},
    {"peers", "fleet", CONFIG_WORD, AT(peers.fleet), 1, LONGEST_WORD, NULL, "default", false,
     "The servers of one fleet hold the same cache and refresh it together."},
    {"peers", "name", CONFIG_WORD, AT(peers.name), 0, LONGEST_WORD, NULL, "", false,
     "This server's name in the fleet, which no other one may have; empty = the host's name."},
    {"peers", "advertise", CONFIG_ADDRESS, AT(peers.advertise), 0, LONGEST_TEXT, NULL, "", false,
     "HOST:PORT at which the other peers reach this one."},
    {"peers", "listen", CONFIG_ADDRESS, AT(peers.listen), 0, LONGEST_TEXT, NULL, "", false,
     "HOST:PORT to listen on for the other peers, always with TLS."},
    {"peers", "ca_file", CONFIG_PATH, AT(peers.ca_file), 0, LONGEST_TEXT, NULL, "", false,
     "Certificate of the authority that etcd's and the peers' certificates come from, as PEM."},
    {"peers", "cert_file", CONFIG_PATH, AT(peers.cert_file), 0, LONGEST_TEXT, NULL, "", false,
     "This server's certificate, as PEM; with it this server proves to etcd and to the other\n"
     "peers who it is."},
    {"peers", "key_file", CONFIG_PATH, AT(peers.key_file), 0, LONGEST_TEXT, NULL, "", false,
     "The certificate's private key."},
    {"peers", "switch", CONFIG_CHOICE, AT(peers.switch_when), 0, 0, switch_choices, "all", false,
     "all: switch over when every member is ready. quorum: when more than half of them are."},
    {"peers", "switch_delay", CONFIG_DURATION, AT(peers.switch_delay), 0, DAYS(1), NULL, "5s",
     false, "Time between the decision to switch and the switch."},
    {"peers", "lease", CONFIG_DURATION, AT(peers.lease), 1, DAYS(1), NULL, "10s", false,
     "How long a peer that is not heard of keeps its membership and the point files it works on."},
};

const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];

const struct config_key *config_key_find(const char *section, const char *name)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].section, section) == 0 && strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    }
    return NULL;
}

bool config_section_exists(const char *section)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].section, section) == 0)
            return true;
    }
    return strcmp(section, CONFIG_REPORT_SECTION) == 0;
}
