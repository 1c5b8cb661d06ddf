#!/usr/bin/env bash
# fleet.sh: what a fleet of three gains, and what being in a fleet costs. Prints BENCH lines:
#   fleet_three_peers   seconds of a refresh by three peers against one alone, with a geocoder that
#                       gives each peer BENCH_FLEET_RATE (2000) points a second
#   fleet_overhead      seconds of a refresh by a fleet of one against the same peer alone; the
#                       geocoder answers at once. The best of three each
# and figures to reckon larger fleets with: bytes exchanged, shares a second, the size of etcd.
# What the fleet does costs per point file, not per point: of 80 million points each of the 4096 point
# files has 20,000. Here they have 230 to 600. BENCH_FLEET_POINTS (60000) sizes the first,
# BENCH_FLEET_OVERHEAD (300000) the others.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${REFRESHD_BUILD:-build}")
points=${BENCH_FLEET_POINTS:-60000}
rate=${BENCH_FLEET_RATE:-2000}
overhead=${BENCH_FLEET_OVERHEAD:-300000}
command -v etcd >/dev/null || { echo "fleet.sh: no etcd here, left out" >&2; exit 0; }
# In memory where that can be: three servers and three etcd would have a disk each, and here share one.
memory=${TMPDIR:-/tmp}
[ ! -d /dev/shm ] || memory=/dev/shm
rig=$(mktemp -d "$memory/refreshd-bench.XXXXXX")
stub=
# shellcheck source=tests/demo/fleet_rig.sh
. "$here/../demo/fleet_rig.sh"
finish() {
    stop_fleet
    [ -z "$stub" ] || kill "$stub" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$rig"
}
trap finish EXIT
line() { # name ours theirs unit
    awk -v n="$1" -v o="$2" -v t="$3" -v u="$4" \
        'BEGIN {printf "BENCH %s ours=%.4g theirs=%.4g unit=%s ratio=%.3g\n", n, o, t, u, o / t}'
}

start_stub() { # WORD...
    [ -z "$stub" ] || { kill "$stub" && wait "$stub"; } || true
    : >"$rig/stub-port"
    "$build/tests/stub_geocoder" --provider nominatim "$@" >"$rig/stub-port" &
    stub=$!
    until [ -s "$rig/stub-port" ]; do sleep 0.01; done
    url=http://127.0.0.1:$(cat "$rig/stub-port")
}

# next_fleet: those made from now on are of another fleet, which has no generation yet.
fleets=0
next_fleet() { fleets=$((fleets + 1)) && fleet_name=bench$fleets; }

# make_peer NAME CACHE PROVIDER POINT_FILES [alone]
make_peer() {
    rm -rf "${rig:?}/$1"
    mkdir "$rig/$1"
    cp -a "$2" "$rig/$1/cache"
    take_port
    cat >"$rig/$1/refreshd.conf" <<END
[cache]
directory = $rig/$1/cache
[refresh]
state_directory = $rig/$1/state
workers = 1
point_files = $4
[gate]
max_country_changed = 100%
max_lost = 100%
[geocoder]
provider = $3
url = $url
user_agent = $1
concurrency = 64
[http]
listen =
[control]
socket = $rig/$1/control.sock
$([ "${5:-}" = alone ] || peers_section "$1" "$port")
END
    [ "${5:-}" = alone ] || printf 'lease = 10s\nswitch_delay = 0ms\n' >>"$rig/$1/refreshd.conf"
}

# timed NAME...: into $seconds, how long a refresh of these peers takes, until the last has switched.
timed() {
    local name words=(start --wait) waiters=()
    for name in "$@"; do start_peer "$name"; done
    if grep -q '^endpoints' "$rig/$1/refreshd.conf"; then
        wait_live "$1" $#
        words=(start --fleet --wait)
    fi
    sync
    local begun
    begun=$(date +%s.%N)
    for name in "$@"; do
        ctl "$name" "${words[@]}" >"$rig/$name/started" 2>&1 &
        waiters+=($!)
    done
    wait "${waiters[@]}"
    seconds=$(awk -v b="$begun" -v e="$(date +%s.%N)" 'BEGIN {printf "%.3f", e - b}')
}

# figure NAME FIELD: a number of status.
figure() { ctl "$1" --json status | grep -oE "\"$2\": *[0-9.]+" | head -1 | grep -oE '[0-9.]+$'; }

make_certificates etcd a b c
start_etcd 3

# --- three peers against one ---------------------------------------------------------------------
"$build/places/make_cache" "$rig/cache" "$points" >&2
start_stub --client-rate "$rate"
make_peer a "$rig/cache" nominatim 256 alone
timed a
stop_peers
one=$seconds
next_fleet
for name in a b c; do make_peer $name "$rig/cache" nominatim 256; done
timed a b c
three=$seconds
[ "$(for name in a b c; do digest $name; done | sort -u | wc -l)" = 1 ]
skew=$(for name in a b c; do switched_at $name; done | spread)
for name in a b c; do figure $name bytes_fetched; done >"$rig/fetched"
stop_peers
line fleet_three_peers "$three" "$one" s
awk -v p="$points" -v s="$skew" '{n += $1} END {
    printf "fleet: %.0f bytes were exchanged for %d points, %.1f a point and peer that did not ask; skew %s ms\n",
           n, p, n / (2 * p), s}' "$rig/fetched"

# --- shares a second: nothing but claims, answers of a few points and etcd ------------------------
next_fleet
for name in a b c; do make_peer $name "$rig/cache" gazetteer 4096; done
timed a b c
stop_peers
awk -v s="$seconds" 'BEGIN {printf "fleet: 4096 point files through three peers in %.2f s, %.0f a second\n", s, 4096 / s}'
etcd_call /v3/maintenance/status '{}' | grep -oE '"dbSize(InUse)?":"[0-9]+"' | tr -d '"' |
    sed 's/^/fleet: etcd after a run with 4096 point files: /'

# --- one peer in a fleet of one against alone ------------------------------------------------------
rm -rf "$rig/cache"
"$build/places/make_cache" "$rig/cache" "$overhead" >&2
start_stub
rm -f "$rig/alone" "$rig/fleet"
for _ in 1 2 3; do
    make_peer a "$rig/cache" nominatim 512 alone
    timed a
    stop_peers
    echo "$seconds" >>"$rig/alone"
    next_fleet
    make_peer a "$rig/cache" nominatim 512
    timed a
    stop_peers
    echo "$seconds" >>"$rig/fleet"
done
line fleet_overhead "$(sort -g "$rig/fleet" | head -1)" "$(sort -g "$rig/alone" | head -1)" s
