#!/usr/bin/env bash
# http.sh: /reverse answered out of a cache, against nginx that returns a fixed reply of the same size
# with the same headers. Both have one thread on core 1; wrk asks on core 0 for random places of the
# cache. Best of five rounds, taken in turns. BENCH_HTTP_POINTS (1000000) sizes the cache.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${REFRESHD_BUILD:-build}")
points=${BENCH_HTTP_POINTS:-1000000}
for tool in nginx wrk; do
    command -v $tool >/dev/null || PATH=$PATH:/usr/sbin
    command -v $tool >/dev/null || { echo "http.sh: no $tool here, left out" >&2; exit 0; }
done
. "$here/http_rig.sh"
threads=1
http_start
first=$(head -1 "$work/paths")
curl -s -D "$work/head" -o "$work/body" "$base$first"
size=$(head -200 "$work/paths" | sed "s|^|url = \"$base|; s|\$|\"|" |
    curl -s -w '' -K - -o /dev/null -w '%{size_download}\n' | awk '{sum += $1} END {printf "%d", sum / NR}')
port=$(free_port)
mkdir -p "$work/tmp"
cat >"$work/nginx.conf" <<EOF
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 4096; }
http {
    access_log off;
    server_tokens off;
    keepalive_requests 1000000000;
    default_type "application/json; charset=utf-8";
    client_body_temp_path $work/tmp; proxy_temp_path $work/tmp; fastcgi_temp_path $work/tmp;
    uwsgi_temp_path $work/tmp; scgi_temp_path $work/tmp;
    server {
        listen 127.0.0.1:$port backlog=1024;
        location = /reverse {
            add_header Cache-Control "no-store";
            add_header X-Content-Type-Options "nosniff";
            add_header Access-Control-Allow-Origin "*";
            add_header Vary "Accept-Encoding";
            return 200 '$(head -c "$size" /dev/zero | tr '\0' x)';
        }
    }
}
EOF
"${on_server[@]}" nginx -p "$work" -e "$work/nginx.log" -c "$work/nginx.conf" >/dev/null 2>&1 &
nginx=$!
for _ in $(seq 100); do
    curl -sf "http://127.0.0.1:$port/reverse" >/dev/null && break
    kill -0 "$nginx" || { cat "$work/nginx.log" >&2; exit 1; }
    sleep 0.05
done
for _ in 1 2 3 4 5; do
    read -r count seconds _ failed < <(load "$base" 64 2 0)
    [ "$failed" = 0 ] || { echo "http.sh: $failed requests failed" >&2; exit 1; }
    awk "BEGIN {print $count / $seconds}" >>"$work/ours"
    read -r count seconds _ < <(load "http://127.0.0.1:$port" 64 2 0)
    awk "BEGIN {print $count / $seconds}" >>"$work/theirs"
done
line http_reverse_against_nginx "$(sort -g "$work/ours" | tail -1)" "$(sort -g "$work/theirs" | tail -1)" req/s
