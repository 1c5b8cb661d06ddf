#!/usr/bin/env bash
# The demo: a cache of real places with stale addresses, refreshed by the embedded gazetteer while
# lookups are served, killed in the middle, resumed, switched. Everything stays under build/demo.
set -euo pipefail

build=${REFRESHD_BUILD:-build}
demo=$build/demo
points=${DEMO_POINTS:-1200000}
rate=${DEMO_RATE:-100000}
bold=
plain=
if [ -t 1 ]; then
    bold=$(tput bold 2>/dev/null || true)
    plain=$(tput sgr0 2>/dev/null || true)
fi
port=${DEMO_PORT:-8576}
daemon=
reader=

say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
ctl() { "$build/refreshctl" --config "$demo/refreshd.conf" "$@"; }

finish() {
    [ -z "$reader" ] || kill "$reader" 2>/dev/null || true
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    wait 2>/dev/null || true
}
trap finish EXIT

start_daemon() {
    "$build/refreshd" --config "$demo/refreshd.conf" 2>>"$demo/refreshd.log" &
    daemon=$!
    for _ in $(seq 200); do
        ctl status >/dev/null 2>&1 && return
        sleep 0.05
    done
    echo "refreshd did not start, see $demo/refreshd.log" >&2
    exit 1
}

# Looks up the same places over and over and keeps count, until it is told to stop.
serve_lookups() {
    while [ ! -e "$demo/stop-lookups" ]; do
        cat "$demo/samples"
        sleep 0.02
    done | ctl --json lookup --stdin >"$demo/lookups" || true
}

show_samples() {
    while read -r lat lon; do
        printf '  %11s %12s  %s\n' "$lat" "$lon" "$(ctl lookup "$lat" "$lon" | head -1)"
    done <"$demo/samples"
}

# reverse LAT LON: what the daemon answers over HTTP.
reverse() { curl -sS "http://127.0.0.1:$port/reverse?lat=$1&lon=$2&format=jsonv2"; }

# Somebody else may have the port already.
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    port=$((port + 1))
done

rm -rf "$demo/cache" "$demo/state" "$demo"/{stop-lookups,lookups,refreshd.log,control.sock}
mkdir -p "$demo"
cat >"$demo/refreshd.conf" <<EOF
[cache]
directory = $demo/cache
[refresh]
state_directory = $demo/state
workers = 2
[gate]
# The stale addresses of the demo are wrong on purpose, so let large changes through.
max_country_changed = 100%
[lookup]
on_miss = fetch
[http]
listen = 127.0.0.1:$port
[control]
socket = $demo/control.sock
EOF

say "1. $points points around real places, with addresses gone stale, into a cache"
"$build/places/make_places" stale "$points" >"$demo/places.csv"
ctl cache import "$demo/places.csv"
ctl cache info
tail -n +2 "$demo/places.csv" | awk -F, -v step=$((points / 6)) 'NR % step == 7 {print $1, $2}' \
    >"$demo/samples"

say "2. What lookups answer today"
show_samples | tee "$demo/before"

say "3. refreshd starts, lookups go on without pause, the refresh begins (at $rate points/s, to watch it)"
start_daemon
echo "  watch it at http://127.0.0.1:$port/"
serve_lookups &
reader=$!
read -r lat lon <"$demo/samples"
for north in 0.05 0.1 0.15 0.2 0.3 0.4 0.5; do # the first place there that misses
    miss="$(awk -v lat="$lat" -v north=$north 'BEGIN {printf "%.4f", lat + north}') $lon"
    # shellcheck disable=SC2086 # two words
    ctl lookup $miss >/dev/null || break
done
echo "  /reverse at $lat $lon: $(reverse "$lat" "$lon" | head -c 180)..."
# shellcheck disable=SC2086 # two words
echo "  a place that nobody asked for yet, $miss, is learned: $(reverse $miss | head -c 180)..."
ctl --json status | grep -o '"learned":{[^}]*}'
ctl start --rate "$rate" --table 'far = maximum(5) of distance_m, label when outcome == "found"'
"$build/refreshctl" --config "$demo/refreshd.conf" status --watch &
watch=$!
while [ "$(ctl --json status | sed -n 's/.*"answered":\([0-9]*\).*/\1/p' | head -1)" -lt $((points * 2 / 5)) ]; do
    sleep 0.1
done
kill $watch 2>/dev/null || true
wait $watch 2>/dev/null || true

say "4. kill -9 in the middle of it"
kill -9 "$daemon"
{ wait "$daemon" || true; } 2>/dev/null
ctl status || true

say "5. Started again, it goes on by itself from what the ledger acknowledged"
start_daemon
echo "  watch it at http://127.0.0.1:$port/"
ctl status --watch || true

say "6. Published: the same questions, the same reader process, new answers"
touch "$demo/stop-lookups"
wait "$reader" || true
reader=
show_samples | tee "$demo/after"
echo
diff --side-by-side --width 150 --suppress-common-lines "$demo/before" "$demo/after" | head -6 || true
answers=$(wc -l <"$demo/lookups")
misses=$(grep -c '"address":null\|"error"' "$demo/lookups" || true)
echo
echo "lookups answered meanwhile: $answers, of which misses or errors: $misses"
[ "$misses" = 0 ]
echo "the place that was learned is in its tile now:"
# shellcheck disable=SC2086 # two words
printf '  %s  %s\n' "$miss" "$("$build/refreshctl" --cache "$demo/cache" lookup $miss | head -1)"

say "7. The generation before is the backup; every byte is checked"
ctl cache generations
ctl cache verify

say "8. What the refresh changed: counted while it went on, through the kill, each answer once"
ctl report >"$demo/report"
ctl report --csv >"$demo/report.csv"
cat "$demo/report"

say "9. Questions to the published cache, here about the Alps; no run is needed"
ctl query 'entries = count[countrycode]' 'towns = unique[countrycode] of city' \
    'north = maximum(3) of label, lat weight lat' --bbox 45,5,48,17

say "Everything is under $demo. Try: $build/refreshctl --cache $demo/cache lookup $(head -1 "$demo/samples")"
