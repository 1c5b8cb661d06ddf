#!/bin/bash
# check.sh [short]: search all states of fleet/protocol.pml for a failed promise, in settings small
# enough for that; then break the protocol in each way that matters and see that it is noticed.
# short: only the first settings. Exits 1 when the model is wrong or a fault is not noticed.
set -u
model=$(dirname "$0")/../../fleet/protocol.pml
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
failures=0

# search NAME "COMPILER FLAGS" "RUN FLAGS" SETTINGS...: 0 = nothing fails, 1 = a promise is broken,
# 2 = no verdict.
search() {
    local name=$1 compiler=$2 run=$3
    shift 3
    (
        cd "$directory" && spin -a "$@" protocol.pml >spin.log 2>&1 &&
            gcc -w $compiler -DCOLLAPSE -DMEMLIM=4000 -DNOFAIR -o pan pan.c >gcc.log 2>&1
    ) || { cat "$directory"/*.log; return 2; }
    (cd "$directory" && ./pan -m1000000 $run) >"$directory/$name" 2>&1
    grep -qE 'max search depth too small|out of memory|reached -DMEMLIM' "$directory/$name" && return 2
    grep -q 'errors: 0$' "$directory/$name" && return 0
    grep -qE 'errors: [1-9]' "$directory/$name" && return 1
    return 2
}

count() { sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$directory/$1"; }
broken() { sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' "$directory/$1" | cut -c1-100; }

# holds SETTINGS...: no promise is broken, whatever happens.
holds() {
    search holds "-O2 -DSAFETY" "" "$@"
    case $? in
    0) echo "holds: $(count holds) states: $*" ;;
    1) echo "FAILS: $*: $(broken holds)"; failures=$((failures + 1)) ;;
    *) echo "NO VERDICT: $*"; cat "$directory/holds"; failures=$((failures + 1)) ;;
    esac
}

# ends SETTINGS...: no step can be made for ever, so `quiet` sees the end of every way.
ends() {
    search ends "-O2 -DNP" "-l" "$@"
    case $? in
    0) echo "ends: $(count ends) states: $*" ;;
    *) echo "GOES ON FOR EVER: $*"; failures=$((failures + 1)) ;;
    esac
}

# noticed FAULT SETTINGS...: with this fault of the protocol some promise is broken.
noticed() {
    search noticed "-O0 -DSAFETY" "" "-D$1" -DSHARES=1 "${@:2}"
    case $? in
    1) echo "noticed: $1: $(broken noticed)" ;;
    *) echo "NOT NOTICED: $1"; failures=$((failures + 1)) ;;
    esac
}

cp "$model" "$directory/protocol.pml" || exit 1
holds -DRUNS=1 -DSHARES=1 -DCRASHES=1 -DLEASES=1
holds -DRUNS=2 -DSHARES=1 -DCRASHES=0 -DLEASES=1 -DQUORUM
if [ "${1:-}" != short ]; then
    holds -DRUNS=1 -DSHARES=1 -DCRASHES=1 -DLEASES=1 -DLATE=1
    holds -DRUNS=2 -DSHARES=1 -DCRASHES=1 -DLEASES=1 -DCANCELS=1
    holds -DRUNS=2 -DSHARES=1 -DCRASHES=1 -DLEASES=0 -DLATE=1 -DCANCELS=1 -DPAUSES=1
    holds -DRUNS=2 -DSHARES=1 -DCRASHES=0 -DLEASES=1 -DLATE=1 -DQUORUM -DOUTS=1
    holds -DRUNS=1 -DSHARES=1 -DCRASHES=1 -DLEASES=1 -DOUTS=2
    holds -DRUNS=1 -DSHARES=1 -DCRASHES=1 -DLEASES=1 -DGONE=1
    holds -DRUNS=1 -DSHARES=1 -DCRASHES=1 -DLEASES=1 -DGONE=1 -DQUORUM
    holds -DRUNS=2 -DSHARES=2 -DCRASHES=0 -DLEASES=1 -DQUORUM
    holds -DRUNS=1 -DSHARES=2 -DCRASHES=1 -DLEASES=0 -DLATE=1
    holds -DRUNNING=2 -DRUNS=2 -DSHARES=2 -DCRASHES=1 -DLEASES=1 -DQUORUM
    ends -DRUNS=1 -DSHARES=1 -DCRASHES=1 -DLEASES=1 -DPAUSES=1
    ends -DRUNS=2 -DSHARES=1 -DCRASHES=0 -DLEASES=1 -DQUORUM

    calm="-DCRASHES=0 -DLEASES=0"
    # comparisons that are left out
    noticed START_WITHOUT_ABSENT -DRUNS=2 $calm -DLATE=1
    noticed START_WITHOUT_CURRENT -DRUNS=2 $calm -DLATE=1
    noticed DECIDE_WITHOUT_RUN -DRUNS=1 $calm -DLATE=1 -DCANCELS=1
    noticed DECIDE_WITHOUT_WISH -DRUNS=1 $calm -DLATE=1 -DPAUSES=1
    noticed DECIDE_WITHOUT_READY -DRUNS=1 -DLATE=1 -DQUORUM
    noticed END_WITHOUT_RUN -DRUNS=1 $calm -DLATE=1 -DCANCELS=1
    noticed READY_WITHOUT_REOPENED -DRUNS=1 -DCRASHES=0
    noticed READY_WITHOUT_OUT -DRUNS=1 $calm -DLATE=1 -DOUTS=1
    noticed DONE_WITHOUT_ABSENT -DRUNS=1 -DCRASHES=0 -DLATE=1
    # what is to be done with others, and is not
    noticed REOPEN_KEEPS_READY -DRUNS=1 -DLATE=1
    noticed OUT_KEEPS_CLAIMS -DRUNS=1 $calm -DOUTS=1
    noticed KEEP_OWN_ANSWERS -DRUNS=1 -DCRASHES=0
    # judgement
    noticed SWITCH_ON_OWN_OPINION -DRUNS=1 $calm
    noticed SWITCH_WITHOUT_DIGEST -DRUNS=1 -DCRASHES=0 -DQUORUM
    noticed BASE_AS_PUBLISHED -DRUNS=2 $calm
    noticed JOIN_STALE -DRUNS=2 -DCRASHES=0 -DQUORUM
    noticed END_READ_BEFORE_RUN -DRUNS=1 $calm
    noticed QUORUM_WITHOUT_ALL -DRUNS=1 $calm -DRUNNING=2 -DQUORUM -DOUTS=1
fi
[ $failures -eq 0 ] && echo "model: all passed, 0 failed"
[ $failures -eq 0 ]
