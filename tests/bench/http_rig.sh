# For the benchmarks of HTTP, sourced: a cache of $points made-up points in $work, a refreshd over it,
# 20000 paths that it knows, wrk.
. "$here/bench_rig.sh"
ctl() { "$build/refreshctl" --config "$work/refreshd.conf" "$@"; }

# http_start: $base is where it answers, $threads serve. Further lines of the configuration's
# [refresh] and [geocoder] sections: $refresh, $geocoder.
http_start() {
    base=http://127.0.0.1:$(free_port)
    cat >"$work/refreshd.conf" <<EOF
[cache]
directory = $work/cache
[refresh]
state_directory = $work/state
max_failed = 100%
${refresh:-}
[geocoder]
provider = gazetteer
${geocoder:-}
[gate]
max_country_changed = 100%
max_lost = 100%
[http]
listen = ${base#http://}
threads = $threads
[control]
socket = $work/control.sock
EOF
    "$build/places/make_cache" "$work/cache" "$points" >&2
    ctl cache export --format csv | awk -F, -v step=$((points / 20000 + 1)) \
        'NR > 1 && NR % step == 0 {printf "/reverse?lat=%s&lon=%s&format=jsonv2\n", $1, $2}' >"$work/paths"
    sync
    "${on_server[@]}" "$build/refreshd" --config "$work/refreshd.conf" 2>"$work/log" &
    daemon=$!
    until curl -sf "$base/healthz" >/dev/null; do
        kill -0 "$daemon" || { cat "$work/log" >&2; exit 1; }
        sleep 0.05
    done
}

# load BASE CONNECTIONS SECONDS MILLISECONDS [check]: wrk's requests, seconds, p99, failures
load() {
    "${on_client[@]}" wrk -t1 -c"$2" -d"$3s" -s "$here/http.lua" "$1" -- "$work/paths" "$4" "${5:-}" |
        awk '/^RESULT/ {print $2, $3, $4, $5}'
}
