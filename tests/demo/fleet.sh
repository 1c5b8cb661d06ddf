#!/usr/bin/env bash
# The demo of the fleet: three peers with equal caches of real places and three etcd share one refresh;
# one peer is killed in the middle and comes back; all switch at one moment to the same bytes.
# Everything stays under build/demo-fleet, and nothing is left running.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${REFRESHD_BUILD:-build}")
rig=$build/demo-fleet
points=${DEMO_POINTS:-600000}
rate=${DEMO_RATE:-30000}
names=(a b c)
starts=()
bold=
plain=
if [ -t 1 ]; then
    bold=$(tput bold 2>/dev/null || true)
    plain=$(tput sgr0 2>/dev/null || true)
fi
# shellcheck source=tests/demo/fleet_rig.sh
. "$here/fleet_rig.sh"
trap stop_fleet EXIT

say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }

write_config() {
    mkdir -p "$rig/$1"
    take_port
    cat >"$rig/$1/refreshd.conf" <<END
[cache]
directory = $rig/$1/cache
[refresh]
state_directory = $rig/$1/state
workers = 1
point_files = 512
[geocoder]
rate = $rate
[gate]
# The stale addresses of the demo are wrong on purpose, so let large changes through.
max_country_changed = 100%
[http]
listen =
[control]
socket = $rig/$1/control.sock
$(peers_section "$1" "$port")
lease = 3s
switch_delay = 2s
END
}

# done_files: point files that are done in the fleet, as the first peer knows it.
done_files() {
    ctl a --json peers | grep -o '"point_files_done": *[0-9]*' | awk -F: '{n += $2} END {print n + 0}'
}

# watch_until COUNT: a line now and then until so many point files are done.
watch_until() {
    local begun=$SECONDS all
    while all=$(done_files) && [ "$all" -lt "$1" ]; do
        progress "$all"
        [ $((SECONDS - begun)) -lt 300 ] || { ctl a status >&2; return 1; }
        sleep 2
    done
    progress "$all"
}

progress() {
    printf '  %3d s  %3d %% of the point files are done, asked by: %s\n' $((SECONDS - started)) \
        $(($1 * 100 / 512)) "$(ctl a --json peers |
            grep -oE '"(name|point_files_done)": *("[^"]*"|[0-9]+)' | sed 's/.*: *//' | paste -sd' \n' |
            awk '{gsub(/"/, "", $1); printf "%s%s %d", separator, $1, $2; separator = ", "}')"
}

# wait_switched: until every peer serves what the run made.
wait_switched() {
    local tries=0
    until [ "$(grep -l "\"$run\"" "$rig"/?/cache/MANIFEST | wc -l)" = ${#names[@]} ]; do
        tries=$((tries + 1))
        [ $tries -lt 1200 ] || { ctl a status >&2; return 1; }
        sleep 0.05
    done
}

show_sample() {
    local name
    for name in "${names[@]}"; do
        # shellcheck disable=SC2086 # two words
        printf '  %s  %s\n' "$name" "$(ctl "$name" lookup $sample | head -1)"
    done
}

rm -rf "$rig"
mkdir -p "$rig"

say "1. Three etcd and three peers, with certificates of one authority; $points points around real places, stale"
make_certificates etcd "${names[@]}"
start_etcd 3
"$build/places/make_places" stale "$points" >"$rig/places.csv"
"$build/refreshctl" --cache "$rig/cache" cache import "$rig/places.csv"
sample=$(awk -F, 'NR == 8 {print $1, $2}' "$rig/places.csv")
rm "$rig/places.csv"
for name in "${names[@]}"; do
    write_config "$name"
    cp -a "$rig/cache" "$rig/$name/cache"
    start_peer "$name"
done
rm -rf "$rig/cache"
wait_live a 3
ctl a peers
echo "  $sample is answered by:"
show_sample

say "2. \`refreshctl start --fleet\` on all three at once, as cron would: one run (at $rate points/s together)"
for name in "${names[@]}"; do
    ctl "$name" start --fleet >"$rig/$name/started" &
    starts+=($!)
done
wait "${starts[@]}"
started=$SECONDS
for name in "${names[@]}"; do
    printf '  %s  %s\n' "$name" "$(head -1 "$rig/$name/started")"
done
run=$(cat "$rig"/?/started | grep -oE '[0-9]{8}T[0-9]{6}Z-[0-9a-f]+' | sort -u)
[ "$(wc -l <<<"$run")" = 1 ]
watch_until 180

say "3. kill -9 of b: what it had claimed goes back to the pool when its lease ends"
kill -9 "${peer_pids[b]}"
wait "${peer_pids[b]}" 2>/dev/null || true
watch_until 340
ctl a peers

say "4. b is started again and joins the run: it fetches the answers of the others, and asks its share"
start_peer b
watch_until 512

say "5. All have every answer; the switch is decided when all are ready with the same digest"
ctl a status | head -4
wait_switched
for name in "${names[@]}"; do
    printf '  %s  digest %s  switched at %s\n' "$name" "$(digest "$name")" \
        "$(date -d "@$(switched_at "$name")" '+%H:%M:%S.%6N')"
done
skew=$(for name in "${names[@]}"; do switched_at "$name"; done | spread)
echo "  between the first switch and the last: $skew ms"
[ "$(for name in "${names[@]}"; do digest "$name"; done | sort -u | wc -l)" = 1 ]

say "6. The same question to each peer, new answers; and every byte of each cache is checked"
show_sample
for name in "${names[@]}"; do
    printf '  %s  ' "$name"
    ctl "$name" cache verify
done
ctl c peers

say "Everything is under $rig; nothing is left running"
