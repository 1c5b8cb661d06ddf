# For benchmarks, sourced: a directory $work that goes in the end with what runs as $daemon and $nginx,
# and two processors, one for who asks and one for who answers.
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
no_tables() { # a configuration's [report] that takes each of the usual tables out
    echo "[report]"
    sed -n 's/^[^"]*"\([a-z_]* =\) .*/\1/p' "$here/../../tables/defaults.c" | sort -u
}
free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
