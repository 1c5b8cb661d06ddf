#!/bin/sh
# build-packages.sh OUT: build the Debian packages out of a copy of the tree, so that the tree stays
# clean, and leave them in OUT; do nothing when no file is newer than they are. The build is the
# packages' own: flags of a make that calls this do not reach it.
set -eu
unset MAKEFLAGS MFLAGS MAKEOVERRIDES CC CFLAGS LDFLAGS OPT SAN WERROR BUILD PREFIX LIBDIR DESTDIR
out=$(realpath -m "$1")
cd "$(dirname "$0")/.."
version=$(dpkg-parsechangelog -S Version)
made=$(make -s --no-print-directory print-version)
[ "$version" = "$made" ] || {
    echo "debian/changelog is of version $version, the Makefile of $made" >&2
    exit 1
}
work=$out/deb
tree=$work/refreshd-$version
sources() {
    find . \( -path ./build -o -path "./$(basename "$out")" -o -name .git -o -name __pycache__ \
        -o -name node_modules \) -prune -o -type f "$@"
}

if [ -f "$work/done" ] && [ -z "$(sources -newer "$work/done" -print -quit)" ]; then
    exit 0
fi
rm -rf "$work" "$out"/*.deb
mkdir -p "$tree"
began=$work/began
touch "$began"
sources -print0 | tar -c --null -T - | tar -x -C "$tree"

(cd "$tree" && DEB_BUILD_OPTIONS="parallel=${JOBS:-2} nocheck noautodbgsym" dpkg-buildpackage -b -us -uc) \
    >"$work/log" 2>&1 || {
    tail -40 "$work/log" >&2
    echo "the whole log is $work/log" >&2
    exit 1
}
mv "$work"/*.deb "$out"
rm -rf "$tree"
mv "$began" "$work/done"
