#!/usr/bin/env bash
# http_refresh.sh: what a full refresh and switches do to lookups. A steady load of about a thousand
# lookups a second: its p99 while a refresh of the whole cache goes on against that of an idle
# refreshd; then 100 switches in a row between two generations, and how many lookups failed or missed.
# BENCH_HTTP_POINTS (4000000) sizes the cache.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${REFRESHD_BUILD:-build}")
points=${BENCH_HTTP_POINTS:-4000000}
command -v wrk >/dev/null || { echo "http_refresh.sh: no wrk here, left out" >&2; exit 0; }
. "$here/http_rig.sh"
on_server=() # as it is run: the refresh may use every core
on_client=()
threads=2
refresh="workers = 2"
http_start
seconds=2
connections=16
pause=16 # milliseconds on average between two requests of a connection
steady() { load "$base" $connections $seconds $pause; }

steady >/dev/null
: >"$work/idle"
for _ in 1 2 3 4 5; do steady >>"$work/idle"; done
ctl start >&2
: >"$work/busy"
while ctl --json status | grep -qE '"state": *"(snapshot|refreshing|publishing)"'; do
    steady >>"$work/busy"
done
ctl --json status | grep -qE '"state": *"idle"' || { cat "$work/log" >&2; exit 1; }
cat "$work/idle" "$work/busy" >&2
median() { awk '{print $3}' "$1" | sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
line http_p99_refresh "$(median "$work/busy")" "$(median "$work/idle")" us

# Every switch is there before the next: a lookup waits for none of them.
load "$base" 32 60 1 check >"$work/switching" &
loader=$!
for n in $(seq 100); do
    to=$(((n + 1) % 2 + 1))
    ctl cache rollback $to >/dev/null
    until curl -sf "$base/status?format=json" | grep -q "\"generation\":$to}"; do sleep 0.01; done
done
pkill -INT -P $loader wrk # it prints what it has
wait $loader || true
read -r count _ _ failed <"$work/switching"
line http_failed_in_100_switches "$failed" "$count" lookups
