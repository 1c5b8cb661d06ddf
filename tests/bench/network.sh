#!/usr/bin/env bash
# network.sh: how fast one worker asks a geocoder over HTTP, against what users would pick instead.
# Nginx answers on core 1, all clients take turns on core 0. Prints BENCH lines. BENCH_NETWORK_POINTS
# (400000) sizes it; all figures are the best of three rounds, ours of the steady part of a whole
# refresh: requests, parsing, writing, rebuilding, counting its report.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${REFRESHD_BUILD:-build}")
points=${BENCH_NETWORK_POINTS:-400000}
flight=64
for tool in nginx wrk node npm; do
    command -v $tool >/dev/null || PATH=$PATH:/usr/sbin
    command -v $tool >/dev/null || echo "network.sh: no $tool here, what needs it is left out" >&2
done
command -v nginx >/dev/null || exit 0
. "$here/bench_rig.sh"

# --- the geocoder ----------------------------------------------------------------------------
port=$(free_port)
reply='{"place_id":128497332,"licence":"Data © OpenStreetMap contributors, ODbL 1.0. http://osm.org/copyright","osm_type":"way","osm_id":90394480,"lat":"52.5487921","lon":"-1.8164308","place_rank":30,"category":"building","type":"yes","importance":5.35e-05,"addresstype":"building","name":"","display_name":"137, Pilkington Avenue, Maney, Sutton Coldfield, Birmingham, B72 1LH, United Kingdom","address":{"house_number":"137","road":"Pilkington Avenue","suburb":"Maney","town":"Sutton Coldfield","county":"West Midlands","state":"England","postcode":"B72 1LH","country":"United Kingdom","country_code":"gb"}}'
mkdir -p "$work/www/v1" "$work/tmp"
/usr/bin/python3 - "$work/www/v1/multi-revgeocode" <<'END'
import json, sys
def row(n):
    label = f"{n} Pilkington Avenue, Sutton Coldfield, B72 1LH, United Kingdom"
    return {"id": str(n), "items": [{
        "title": label, "id": f"here:af:streetsection:Zb9Lx7kOGr{n:04}:CgcIBCDx", "resultType": "houseNumber",
        "houseNumberType": "PA", "address": {
            "label": label, "countryCode": "GBR", "countryName": "United Kingdom", "stateCode": "ENG",
            "state": "England", "countyCode": "WMD", "county": "West Midlands", "city": "Sutton Coldfield",
            "street": "Pilkington Avenue", "postalCode": "B72 1LH", "houseNumber": str(n)},
        "position": {"lat": 52.54879, "lng": -1.81643}, "access": [{"lat": 52.54885, "lng": -1.81639}],
        "distance": 7}]}
json.dump({"results": [row(n) for n in range(1, 101)]}, open(sys.argv[1], "w"), separators=(",", ":"))
END
cat >"$work/nginx.conf" <<EOF
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_requests 1000000000;
    default_type application/json;
    sendfile on;
    tcp_nopush off;
    open_file_cache max=10;
    client_body_temp_path $work/tmp; proxy_temp_path $work/tmp; fastcgi_temp_path $work/tmp;
    uwsgi_temp_path $work/tmp; scgi_temp_path $work/tmp;
    server {
        listen 127.0.0.1:$port backlog=1024;
        root $work/www;
        location = /reverse { return 200 '$reply'; }
        location / { error_page 405 =200 \$uri; }
    }
}
EOF
"${on_server[@]}" nginx -p "$work" -e "$work/nginx.log" -c "$work/nginx.conf" >/dev/null 2>&1 &
nginx=$!
base=http://127.0.0.1:$port
for _ in $(seq 100); do
    curl -sf "$base/reverse" >/dev/null && break
    kill -0 "$nginx" || { cat "$work/nginx.log" >&2; exit 1; }
    sleep 0.05
done

# --- ours: a refresh by one worker --------------------------------------------------------------
# refresh POINTS BATCH PROVIDER [usual|none]: with the usual tables or none; writes to $work/result: requests per second, and the daemon's CPU
# time per request, microseconds
refresh() {
    local cache=$1 batch=$2 provider=$3 tables=${4:-usual} total=$(($1 / $2))
    rm -rf "$work/run" && mkdir "$work/run"
    echo benchmark-key >"$work/run/key"
    cat >"$work/run/refreshd.conf" <<EOF
[cache]
directory = $work/run/cache
[refresh]
state_directory = $work/run/state
point_files = 64
workers = 1
max_failed = 100%
[gate]
max_country_changed = 100%
max_lost = 100%
[geocoder]
provider = $provider
url = $base
key_file = $work/run/key
concurrency = $flight
batch = $batch
[http]
listen =
[control]
socket = $work/run/control.sock
EOF
    [ "$tables" = usual ] || no_tables >>"$work/run/refreshd.conf"
    ctl() { "${on_server[@]}" "$build/refreshctl" --config "$work/run/refreshd.conf" "$@"; }
    "$build/places/make_cache" "$work/run/cache" "$cache" >&2
    sync
    "${on_client[@]}" "$build/refreshd" --config "$work/run/refreshd.conf" >"$work/run/log" 2>&1 &
    daemon=$!
    until ctl status >/dev/null 2>&1; do
        kill -0 "$daemon" || { cat "$work/run/log" >&2; return 1; }
        sleep 0.05
    done
    ctl start >&2
    while :; do
        ctl --json status >"$work/run/status" || break
        sent=$(grep -o '"sent": *[0-9]*' "$work/run/status" | head -1 | grep -o '[0-9]*$')
        cpu=$(awk '{print $14 + $15}' "/proc/$daemon/stat")
        echo "$(date +%s.%N) $sent $cpu"
        grep -qE '"state": *"(idle|held|paused|failed)"' "$work/run/status" && break
        sleep 0.1
    done >"$work/run/samples"
    kill "$daemon" 2>/dev/null && wait "$daemon" || true
    daemon=
    grep -qE '"state": *"idle"' "$work/run/status" ||
        { cat "$work/run/status" "$work/run/log" >&2; return 1; }
    awk -v total="$total" -v ticks="$(getconf CLK_TCK)" '
        $2 > total * 0.05 && !began {began = $1; from = $2; cpu = $3}
        $2 < total * 0.98 && $2 > to {ended = $1; to = $2; used = $3 - cpu}
        END {printf "%.0f %.3f\n", (to - from) / (ended - began), used / ticks * 1e6 / (to - from)}
    ' "$work/run/samples" >"$work/result"
}

best() { sort -g | tail -1; }
three() { for _ in 1 2 3; do "$@"; done; }

refresh_best() { # the best of three rounds with the tables and of three without, in turns
    ours=0 ours_cpu=0 bare_line=0
    for _ in 1 2 3; do
        refresh "$points" 1 nominatim none
        read -r speed _ <"$work/result"
        bare_line=$((speed > bare_line ? speed : bare_line))
        refresh "$points" 1 nominatim
        read -r speed cpu <"$work/result"
        [ "$speed" -le "$ours" ] || ours=$speed ours_cpu=$cpu
    done
}
refresh_best
line network_with_report "$ours" "$bare_line" req/s
if command -v wrk >/dev/null; then
    limit=$(three "${on_client[@]}" wrk -t1 -c$flight -d2s "$base/reverse?lat=1.5&lon=2.5&format=jsonv2" |
        awk '/Requests\/sec/ {print $2}' | best)
    line network_wrk "$ours" "$limit" req/s
fi
if command -v node >/dev/null && command -v npm >/dev/null &&
    npm install --silent --no-audit --no-fund --prefix "$work/node" undici@6 >/dev/null 2>&1; then
    read -r undici _ < <(NODE_PATH=$work/node/node_modules three "${on_client[@]}" node "$here/undici.js" "$base" /reverse "$points" $flight | best)
    line network_requests_against_undici "$ours" "$undici" req/s
else
    echo "network.sh: Node or undici is not to be had: network_requests_against_undici left out" >&2
fi
read -r textbook _ < <(three "${on_client[@]}" "$build/bench/bench_textbook_curl" "$base/reverse" "$points" $flight | best)
line network_requests_against_textbook_curl "$ours" "$textbook" req/s
read -r bare bare_cpu < <(three "${on_client[@]}" "$build/bench/bench_bare_curl" "$base/reverse" "$points" $flight | best)
line network_requests_against_bare_curl "$ours" "$bare" req/s
line network_cpu_against_bare_curl "$ours_cpu" "$bare_cpu" us
# Per worker: with batches the server is idle most of the time, so writer and rebuild may use its core.
on_client=()
refresh $((points * 8)) 100 here
read -r batches _ <"$work/result"
line network_batch_points $((batches * 100)) 400000 points/s
