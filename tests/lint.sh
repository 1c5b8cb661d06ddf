#!/bin/sh
# Style that a machine can check: formatting, banned calls, file maps. Arguments: C sources.
set -u
status=0
complain() {
    echo "lint: $*" >&2
    status=1
}

clang-format --dry-run --Werror "$@" || complain "run make format"

banned=$(grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca)\(' "$@")
[ -z "$banned" ] || complain "banned calls:
$banned"

# Each folder with a DESIGN.md names every source file of it in its file map, and no other.
for map in */DESIGN.md tests/*/DESIGN.md; do
    folder=$(dirname "$map")
    for file in "$folder"/*.[ch]; do
        name=$(basename "$file")
        stem=${name%.*}
        grep -qE "\`$stem(\.[ch]|\.c, \.h|\.h, \.c|\.\[ch\])?\`|\`$name\`" "$map" ||
            complain "$map: $name is not in the file map"
    done
    for name in $(grep -oE '`[a-z_]+\.[ch]`' "$map" | tr -d '`' | sort -u); do
        find . -path ./build -prune -o -name "$name" -print | grep -q . ||
            complain "$map: names $name, which does not exist"
    done
done

# Floors: a folder includes only folders below it.
check_floor() {
    folder=$1
    allowed=$2
    [ -d "$folder" ] || return 0
    wrong=$(grep -nE '^#include "[a-z]+/' "$folder"/*.[ch] | grep -vE "\"($allowed)/")
    [ -z "$wrong" ] || complain "$folder/ may include only $allowed:
$wrong"
}
check_floor base 'base'
check_floor quadtree 'base|quadtree'
check_floor cachefmt 'base|quadtree|cachefmt'
check_floor tables 'base|quadtree|cachefmt|tables'
check_floor geocache 'base|quadtree|cachefmt|geocache'
check_floor config 'base|config'
check_floor geocoder 'base|quadtree|cachefmt|geocoder'
check_floor stages 'base|quadtree|cachefmt|tables|geocoder|stages'
check_floor fleet 'base|quadtree|cachefmt|tables|geocoder|stages|fleet'

if command -v cppcheck >/dev/null; then
    cppcheck --quiet --std=c11 --error-exitcode=1 --enable=warning,portability \
        --suppress=shiftTooManyBitsSigned --inline-suppr -D__x86_64__ \
        --library=tests/cppcheck.cfg -I. \
        base quadtree cachefmt tables geocache config geocoder stages fleet daemon manuals || complain "cppcheck"
fi
exit $status
