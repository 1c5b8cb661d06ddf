# For the benchmarks of HTTP, sourced: a cache of $points made-up points in $work, a refreshd over it,
# 20000 paths that it knows, wrk.
work=$(mktemp -d "${TMPDIR:-/tmp}/refreshd-bench.XXXXXX")
chmod 755 "$work"
daemon=
nginx=
finish() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    [ -z "$nginx" ] || kill "$nginx" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
on_client=() # commands and not functions, so that $! is the program itself
on_server=()
if [ "$(nproc)" -gt 1 ]; then
    on_client=(taskset -c 0)
    on_server=(taskset -c 1)
fi
line() { # name ours theirs unit
    awk -v n="$1" -v o="$2" -v t="$3" -v u="$4" \
        'BEGIN {printf "BENCH %s ours=%.4g theirs=%.4g unit=%s ratio=%.3g\n", n, o, t, u, t ? o / t : 0}'
}
free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
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
