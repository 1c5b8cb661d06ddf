#!/usr/bin/env bash
# report.sh POINTS [TIMES [again]]: what a report costs the line: points per second with the usual
# tables and with none, the best of TIMES runs each, which take turns. Every address changes, which is
# the most that tables can have to do; again: none does.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
points=$1
times=${2:-3}
again=${3:-}
best=0
best_without=0
for _ in $(seq "$times"); do
    read -r without _ < <("$here/line.sh" "$points" none $again 2>/dev/null)
    read -r with _ < <("$here/line.sh" "$points" usual $again 2>/dev/null)
    best=$((with > best ? with : best))
    best_without=$((without > best_without ? without : best_without))
done
echo "$best $best_without"
