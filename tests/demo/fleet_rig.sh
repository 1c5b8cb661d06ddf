# shellcheck shell=bash
# What the demo and the benchmarks of the fleet share: certificates, etcd and peers under $rig, all on
# 127.0.0.1. Sourced; needs $build and $rig. etcd_pids and peer_pids hold what runs.

declare -a etcd_pids=()
declare -A peer_pids=()
next_port=${FLEET_PORT:-18570}

# take_port: into $port, the next one that nobody listens on.
take_port() {
    while (exec 3<>"/dev/tcp/127.0.0.1/$next_port") 2>/dev/null; do
        next_port=$((next_port + 1))
    done
    port=$next_port
    next_port=$((next_port + 1))
}

# make_certificates NAME...: an authority, and one certificate for each name.
make_certificates() {
    mkdir -p "$rig/certificates"
    (
        cd "$rig/certificates"
        curve=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
        openssl req -x509 "${curve[@]}" -keyout ca.key -out ca.pem -days 30 -subj "/CN=demo authority"
        for name in "$@"; do
            openssl req "${curve[@]}" -keyout "$name.key" -out "$name.csr" -subj "/CN=$name" \
                -addext "subjectAltName=IP:127.0.0.1"
            openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial \
                -out "$name.pem" -days 30 -copy_extensions copy
        done
    ) >"$rig/certificates.log" 2>&1 || { cat "$rig/certificates.log" >&2; return 1; }
}

# start_etcd MEMBERS: they take only clients with a certificate. Sets $endpoints.
start_etcd() {
    local count=$1 number cluster= clients=() peers=()
    local secure=(--client-cert-auth --cert-file "$rig/certificates/etcd.pem"
        --key-file "$rig/certificates/etcd.key" --trusted-ca-file "$rig/certificates/ca.pem"
        --peer-client-cert-auth --peer-cert-file "$rig/certificates/etcd.pem"
        --peer-key-file "$rig/certificates/etcd.key" --peer-trusted-ca-file "$rig/certificates/ca.pem")
    for number in $(seq "$count"); do
        take_port && clients[number]=https://127.0.0.1:$port
        take_port && peers[number]=https://127.0.0.1:$port
        cluster=$cluster${cluster:+,}etcd$number=${peers[number]}
    done
    for number in $(seq "$count"); do
        etcd --name "etcd$number" --data-dir "$rig/data-etcd$number" --pre-vote=true --log-level warn \
            --listen-client-urls "${clients[number]}" --advertise-client-urls "${clients[number]}" \
            --listen-peer-urls "${peers[number]}" --initial-advertise-peer-urls "${peers[number]}" \
            --initial-cluster "$cluster" "${secure[@]}" >"$rig/etcd$number.log" 2>&1 &
        etcd_pids+=($!)
    done
    endpoints=$(IFS=, && echo "${clients[*]}")
    for _ in $(seq 200); do
        etcd_call /health 2>/dev/null | grep -q '"true"' && return
        sleep 0.05
    done
    echo "etcd did not start, see $rig/etcd1.log" >&2
    return 1
}

# etcd_call PATH [DOCUMENT]: what etcd answers.
etcd_call() {
    local words=(-sSf --noproxy '*' --cacert "$rig/certificates/ca.pem"
        --cert "$rig/certificates/etcd.pem" --key "$rig/certificates/etcd.key")
    [ $# = 1 ] || words+=(--data "$2")
    curl "${words[@]}" "${endpoints%%,*}$1"
}

# peers_section NAME PORT: its [peers].
peers_section() {
    local name=$1 port=$2
    cat <<END
[peers]
endpoints = $endpoints
fleet = ${fleet_name:-demo}
name = $name
advertise = 127.0.0.1:$port
listen = 127.0.0.1:$port
ca_file = $rig/certificates/ca.pem
cert_file = $rig/certificates/$name.pem
key_file = $rig/certificates/$name.key
END
}

ctl() { # NAME WORD...
    "$build/refreshctl" --config "$rig/$1/refreshd.conf" "${@:2}"
}

start_peer() {
    "$build/refreshd" --config "$rig/$1/refreshd.conf" 2>>"$rig/$1/refreshd.log" &
    peer_pids[$1]=$!
    for _ in $(seq 400); do
        ctl "$1" status >/dev/null 2>&1 && return
        kill -0 "${peer_pids[$1]}" 2>/dev/null || break
        sleep 0.05
    done
    echo "refreshd $1 did not start, see $rig/$1/refreshd.log" >&2
    tail -3 "$rig/$1/refreshd.log" >&2
    return 1
}

stop_peers() {
    local name
    for name in "${!peer_pids[@]}"; do
        kill "${peer_pids[$name]}" 2>/dev/null || true
        wait "${peer_pids[$name]}" 2>/dev/null || true
    done
    peer_pids=()
}

stop_fleet() {
    stop_peers
    local pid
    for pid in "${etcd_pids[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    etcd_pids=()
}

# wait_live NAME COUNT: until that peer sees so many live ones.
wait_live() {
    for _ in $(seq 600); do
        [ "$(ctl "$1" --json peers | grep -o '"live": *true' | wc -l)" = "$2" ] && return
        sleep 0.05
    done
    ctl "$1" peers >&2
    echo "$1 does not see $2 live peers" >&2
    return 1
}

digest() { # NAME
    "$build/refreshctl" --json --cache "$rig/$1/cache" cache info | sed -n 's/.*"digest": *"\([0-9a-f]*\)".*/\1/p'
}

# switched_at NAME: unix seconds at which its MANIFEST got its name: the rename changes the inode.
switched_at() { stat -c %.9Z "$rig/$1/cache/MANIFEST"; }

# spread: the greatest of the numbers on standard input less the least, milliseconds.
spread() {
    awk 'NR == 1 {least = most = $1} {if ($1 < least) least = $1; if ($1 > most) most = $1}
         END {printf "%.1f\n", (most - least) * 1000}'
}
