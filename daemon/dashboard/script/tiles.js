/* The tiles as /api/tiles tells them, and what their colours mean. */

const AGE_STEPS = [
    [DAY, "<1 d"],
    [7 * DAY, "<1 wk"],
    [30.44 * DAY, "<1 mo"],
    [3 * 30.44 * DAY, "<3 mo"],
    [6 * 30.44 * DAY, "<6 mo"],
    [365.25 * DAY, "<1 yr"],
    [2 * 365.25 * DAY, "<2 yr"],
    [Infinity, "older"],
];
const ASKING_STEPS = 3;

/* readTiles: the document's rows as objects by column name, in order of id. */
function readTiles(document) {
    return document.tiles.map((row) =>
        Object.fromEntries(document.columns.map((column, index) => [column, row[index]])),
    );
}

/* tileBox: where a tile lies on the map, in its units (row 0 is in the south). */
function tileBox(grid, id) {
    const width = WORLD_WIDTH / grid.columns;
    const height = WORLD_HEIGHT / grid.rows;
    const row = Math.floor(id / grid.columns);
    return { x: (id % grid.columns) * width, y: WORLD_HEIGHT - (row + 1) * height, width, height };
}

/* tileAt: the tile that holds a point. */
function tileAt(grid, lat, lon) {
    const part = (value, limit, count) =>
        Math.min(Math.max(Math.floor(((value + limit) / (2 * limit)) * count), 0), count - 1);
    return part(lat, 90, grid.rows) * grid.columns + part(lon, 180, grid.columns);
}

function ageFill(tile, now) {
    if (tile.mean === 0) return "undated";
    return `age-${AGE_STEPS.findIndex(([limit]) => now - tile.mean < limit)}`;
}

function progressFill(tile, world) {
    if (world.run === null) return tile.built === world.generation ? "rebuilt" : "idle";
    if (tile.state === "asking")
        return `asking-${Math.min(Math.floor(tile.done * ASKING_STEPS), ASKING_STEPS - 1)}`;
    return tile.state ?? "idle";
}

/* tileFill: the name of a tile's colour; null = empty. */
function tileFill(tile, world, colour) {
    if (tile.entries === 0) return null;
    return colour === "age" ? ageFill(tile, nowUnix()) : progressFill(tile, world);
}

/* legendRows: {fill, text, step} of a way to colour; steps belong together in one scale. */
function legendRows(world, colour) {
    const scale = (rows) => rows.map(([fill, text]) => ({ fill, text, step: true }));
    const empty = { fill: null, text: "no entries" };
    if (colour === "age")
        return [
            ...scale(AGE_STEPS.map(([, text], step) => [`age-${step}`, text])),
            { fill: "undated", text: "no date" },
            empty,
        ];
    if (world.run === null)
        return [
            { fill: "rebuilt", text: `built by generation ${world.generation}` },
            { fill: "idle", text: "built before" },
            empty,
        ];
    return [
        ...scale([
            ["waiting", "waiting"],
            ["asking-0", "asking"],
            ["asking-1", ">1/3"],
            ["asking-2", ">2/3"],
            ["rebuilt", "rebuilt"],
        ]),
        { fill: "idle", text: "not in this run" },
        empty,
    ];
}

/* tileSummary: one line for those who don't see the colour. */
function tileSummary(tile, world) {
    if (tile.entries === 0) return `Tile ${tile.id}: empty`;
    const age = tile.mean > 0 ? `, mean age ${formatAge(nowUnix() - tile.mean)}` : "";
    return `Tile ${tile.id}: ${formatCount(tile.entries)} entries${age}${progressWords(tile, world, ", ")}`;
}

/* progressWords: how far the run is with a tile, after `before`; "" when no run is on. */
function progressWords(tile, world, before = "") {
    const words = {
        waiting: "waiting to be asked",
        asking: `${formatPercent(tile.done)} asked`,
        rebuilt: "rebuilt",
    };
    if (world.run === null) return "";
    return before + (words[tile.state] ?? "not in this run");
}

/* commonFigures: [term, value] of one tile or of all. */
function commonFigures({ entries, found, none, unsure, mean, oldest, newest, bytes }) {
    const now = nowUnix();
    const dated = (unix) => (unix > 0 ? `${formatAge(now - unix)}, ${formatDate(unix)}` : UNKNOWN);
    return [
        ["Entries", formatCount(entries)],
        ["Found", formatCount(found)],
        ["None", formatCount(none)],
        ["Unsure", formatCount(unsure)],
        ["Mean age", mean > 0 ? formatAge(now - mean) : UNKNOWN],
        ["Oldest", dated(oldest)],
        ["Newest", dated(newest)],
        ["Size", formatBytes(bytes)],
    ];
}

function tileFigures(tile, world) {
    if (tile.entries === 0) return [["Entries", "0"]];
    const pairs = [...commonFigures(tile), ["Built by", `generation ${tile.built}`]];
    if (world.run !== null) pairs.push(["This run", progressWords(tile, world)]);
    return pairs;
}

/* worldFigures: the sums over all tiles. */
function worldFigures(tiles) {
    const sum = (name) => tiles.reduce((total, tile) => total + tile[name], 0);
    const dated = tiles.filter((tile) => tile.mean > 0);
    const weight = dated.reduce((total, tile) => total + tile.entries, 0);
    const all = {
        mean:
            dated.reduce((total, tile) => total + tile.mean * tile.entries, 0) /
            Math.max(weight, 1),
        oldest: dated.reduce((least, tile) => Math.min(least, tile.oldest), Infinity),
        newest: dated.reduce((most, tile) => Math.max(most, tile.newest), 0),
    };
    for (const name of ["entries", "found", "none", "unsure", "bytes"]) all[name] = sum(name);
    if (dated.length === 0) all.oldest = 0;
    const filled = tiles.filter((tile) => tile.entries > 0).length;
    return [...commonFigures(all), ["Tiles with entries", `${filled} of ${tiles.length}`]];
}
