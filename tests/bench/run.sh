#!/usr/bin/env bash
# All comparisons, one line each: BENCH name ours=X theirs=Y unit=U ratio=Z. Ratios hold within one
# run; absolute figures vary with the machine. BENCH_POINTS (10000000) sizes the larger ones.
set -euo pipefail
here=$(dirname "$0")
build=${REFRESHD_BUILD:-build}
export REFRESHD_BUILD=$build
points=${BENCH_POINTS:-10000000}
. "$here/bench_rig.sh"

"$build/bench/bench_nearest" "$points"
"$build/bench/bench_pair" "$points"
"$build/bench/bench_tables"

"$here/network.sh"
"$here/http.sh"
"$here/http_refresh.sh"
"$here/fleet.sh"

read -r speed memory < <("$here/line.sh" "$points")
read -r speed4 memory4 < <("$here/line.sh" $((4 * points)))
"$build/places/make_places" places >"$work/places.csv"
"$build/places/make_places" points 30000 >"$work/points.csv"
script=$(/usr/bin/python3 "$here/sqlite_refresh.py" "$work/places.csv" "$work/points.csv" 30000)
line line_against_sqlite_script "$speed" "$script" points/s
line line_against_a_million_a_second "$speed" 1000000 points/s
line line_memory "$memory" 300 MB
line line_memory_4_times_the_points "$memory4" "$memory" MB
line line_speed_4_times_the_points "$speed4" "$speed" points/s
read -r with without < <("$here/report.sh" "$points")
line line_with_report "$with" "$without" points/s
read -r with without < <("$here/report.sh" "$points" 3 again)
line line_with_report_of_a_cache_that_hardly_changes "$with" "$without" points/s

"$build/places/make_cache" "$work/cache" "$points"
"$build/bench/bench_library" "$work/cache"

"$here/query.sh" "$work/cache"
