#!/usr/bin/env bash
# query.sh CACHE: one indexed sum over a published cache, by one thread of a query, against what is at
# hand without it: the export into awk, whose last field but two is the country (two processes,
# which two processors share).
set -euo pipefail
here=$(dirname "$0")
build=${REFRESHD_BUILD:-build}
cache=$1
. "$here/bench_rig.sh"

seconds() { # what the command takes
    /usr/bin/time -f %e -o "$work/seconds" bash -c "$1" >"$work/out"
    cat "$work/seconds"
}
export_csv="'$build/refreshctl' --cache '$cache' cache export --format csv"

read -r entries ours < <("$build/bench/bench_query" "$cache" 1)
read -r _ both < <("$build/bench/bench_query" "$cache" 0)
awk_takes=$(seconds "$export_csv | awk -F, '{n[\$(NF - 2)]++} END {for (c in n) print c, n[c]}'")
rate() {
    awk -v n="$entries" -v s="$1" 'BEGIN {print n / s}'
}
line query_against_export_into_awk "$(rate "$ours")" "$(rate "$awk_takes")" entries/s
line query_against_5_million_a_second_per_core "$(rate "$ours")" 5000000 entries/s
line query_all_cores_against_one "$(rate "$both")" "$(rate "$ours")" entries/s
