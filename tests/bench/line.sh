#!/usr/bin/env bash
# line.sh POINTS [usual|none [again]]: refresh a cache of that many clustered points with the gazetteer
# and print, from start to published: points per second, and the peak of refreshd's memory (mapped files
# aside), MB. none: count no tables. again: of a cache that was refreshed before, so that no address changes.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
build=${REFRESHD_BUILD:-build}
points=$1
. "$here/bench_rig.sh"
cat >"$work/refreshd.conf" <<EOF
[cache]
directory = $work/cache
[refresh]
state_directory = $work/state
workers = 2
[gate]
max_country_changed = 100%
max_lost = 100%
[http]
listen =
[control]
socket = $work/control.sock
EOF
[ "${2:-}" != none ] || no_tables >>"$work/refreshd.conf"
"$build/places/make_cache" "$work/cache" "$points" >&2
sync # what the preparation wrote is not part of the measurement
ctl() { "$build/refreshctl" --config "$work/refreshd.conf" "$@"; }
"$build/refreshd" --config "$work/refreshd.conf" 2>"$work/log" &
daemon=$!
until ctl status >/dev/null 2>&1; do sleep 0.05; done
(
    peak=0
    while kill -0 "$daemon" 2>/dev/null; do
        now=$(awk '/^RssAnon|^RssShmem/ {sum += $2} END {print sum + 0}' "/proc/$daemon/status" 2>/dev/null || echo 0)
        [ "$now" -le "$peak" ] || peak=$now
        echo "$peak" >"$work/peak"
        sleep 0.05
    done
) &
sampler=$!
if [ "${3:-}" = again ]; then
    ctl start --wait >"$work/start.log" 2>&1 || { cat "$work/start.log" "$work/log" >&2; exit 1; }
    sync
fi
began=$(date +%s.%N)
ctl start --wait >"$work/start.log" 2>&1 || { cat "$work/start.log" "$work/log" >&2; exit 1; }
ended=$(date +%s.%N)
kill "$sampler" 2>/dev/null || true
ctl --json status >"$work/status.json"
grep -E 'stage_|run_' "$work/log" >&2 || true
awk -v n="$points" -v a="$began" -v b="$ended" -v kb="$(cat "$work/peak")" \
    'BEGIN {printf "%.0f %.1f\n", n / (b - a), kb / 1024}'
