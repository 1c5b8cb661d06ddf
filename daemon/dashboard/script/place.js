/* A place: the tile's figures, and what a lookup says. */

/* readDegrees: a coordinate as people type it; NaN when it is none. */
function readDegrees(text, limit) {
    const value = /^\s*[-+]?\d+(\.\d*)?\s*$/.test(text) ? Number(text) : NaN;
    return Math.abs(value) <= limit ? value : NaN;
}

/* hitLines: the parts of an answer that people look at first. */
function hitLines(place) {
    const facts = [`${formatDistance(place.distance_m)} away`];
    if (place.refreshed_at > 0)
        facts.push(`refreshed ${formatAge(nowUnix() - place.refreshed_at)} ago`);
    else if (place.refreshed_at === 0) facts.push("never refreshed");
    return [
        make("p", { class: "label" }, place.display_name),
        make("p", { class: "facts" }, facts.join(" · ")),
        make(
            "p",
            { class: "facts" },
            `Entry at ${formatPoint(Number(place.lat), Number(place.lon))}`,
        ),
    ];
}

/* lookUp: the lines to show for a point. */
async function lookUp(lat, lon) {
    const query = new URLSearchParams({ format: "jsonv2", lat, lon });
    const reply = await fetch(`/reverse?${query}`, { signal: AbortSignal.timeout(POLL_TIMEOUT) });
    const place = await reply.json();
    if (typeof place.error === "object")
        return [make("p", { class: "wrong" }, place.error.message)];
    if (place.error !== undefined)
        return [
            make("p", { class: "label" }, "No address near here"),
            make("p", { class: "facts" }, formatPoint(lat, lon)),
        ];
    return hitLines(place);
}

/* makePlace: the card beside the map. */
function makePlace(map) {
    let selected = null; /* ids of tiles */
    let pointed = null;
    let asked = 0;

    function showTile() {
        const id = pointed ?? selected;
        const world = map.world();
        const tile = id === null || world === null ? undefined : map.tile(id);
        show(byId("tile-hint"), tile === undefined);
        setText(byId("tile-title"), tile === undefined ? "All tiles" : `Tile ${tile.id}`);
        if (world !== null)
            fillPairs(
                byId("tile-figures"),
                tile === undefined ? worldFigures(map.tiles()) : tileFigures(tile, world),
            );
    }

    /* Only the answer to the newest question is shown. */
    async function look(lat, lon) {
        const number = ++asked;
        let lines;
        selected = map.select(lat, lon);
        showTile();
        byId("answer").setAttribute("aria-busy", "true");
        try {
            lines = await lookUp(lat, lon);
        } catch {
            lines = [make("p", { class: "wrong" }, "refreshd did not answer. Try again.")];
        }
        if (number !== asked) return;
        byId("answer").replaceChildren(...lines);
        byId("answer").removeAttribute("aria-busy");
    }

    function submit(event) {
        event.preventDefault();
        const lat = readDegrees(byId("lat").value, 90);
        const lon = readDegrees(byId("lon").value, 180);
        setAttributes(byId("lat"), { "aria-invalid": Number.isNaN(lat) ? "true" : null });
        setAttributes(byId("lon"), { "aria-invalid": Number.isNaN(lon) ? "true" : null });
        if (Number.isNaN(lat) || Number.isNaN(lon)) {
            const text = "Latitude is a number from -90 to 90, longitude from -180 to 180.";
            byId("answer").replaceChildren(make("p", { class: "wrong" }, text));
            return;
        }
        look(lat, lon);
    }

    byId("lookup").addEventListener("submit", submit);
    return {
        showTile,
        point(id) {
            pointed = id;
            showTile();
        },
        /* lookAt: as if the point had been typed. */
        lookAt(lat, lon) {
            byId("lat").value = lat.toFixed(5);
            byId("lon").value = lon.toFixed(5);
            byId("lookup").requestSubmit();
        },
    };
}
