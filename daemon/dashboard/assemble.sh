#!/bin/bash
# assemble.sh FOLDER OUT: one page out of the folder's parts: OUT.html, OUT.html.gz, and OUT.h with
# the policy that lets the browser run exactly the style and the script in it, nothing else.
set -euo pipefail
folder=$1
out=$2

style=$(cd "$folder/style" && cat page.css run.css map.css place.css panels.css report.css)
script=$(cd "$folder/script" && cat format.js dom.js theme.js poll.js map_view.js tiles.js map.js \
    place.js chart.js run.js panels.js peers.js report.js main.js)
coastline=$(cat "$folder/coastline.txt")
page=$(cat "$folder/index.html")

# put NAME TEXT: TEXT instead of @@NAME@@, which is in the page once.
put() {
    page=${page%%"@@$1@@"*}$2${page#*"@@$1@@"}
}

# digest: SHA-256 of the input in base64, as a policy names it.
digest() {
    local hex
    hex=$(sha256sum | cut -d' ' -f1)
    # shellcheck disable=SC2059
    printf "$(sed 's/../\\x&/g' <<<"$hex")" | base64
}

put STYLE "$style"
put SCRIPT "$script"
put COASTLINE "$coastline"
printf '%s\n' "$page" >"$out.html"
gzip -9nc "$out.html" >"$out.html.gz"

style_digest=$(printf %s "$style" | digest)
script_digest=$(printf %s "$script" | digest)
etag=$(sha256sum <"$out.html" | cut -c1-16)
cat >"$out.h" <<END
/* Made by daemon/dashboard/assemble.sh. */
#define DASHBOARD_ETAG "\"$etag\""
#define DASHBOARD_POLICY \\
    "default-src 'none'; connect-src 'self'; img-src data:; " \\
    "style-src 'sha256-$style_digest'; " \\
    "script-src 'sha256-$script_digest'; " \\
    "require-trusted-types-for 'script'; trusted-types 'none'; " \\
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
END
