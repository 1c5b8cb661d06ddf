/* The map: draws the tiles, colours them, and tells which one is meant by pointer or keyboard. */

/* makeMap: calls.look(lat, lon) for a place that was clicked, calls.point(id) for the tile pointed
 * at or focused, null when none is any more. */
function makeMap(calls) {
    const svg = byId("map");
    const group = byId("tiles");
    let world = null; /* the last document of /api/tiles */
    let tiles = [];
    let shapes = [];
    let current = 0; /* the one tile in the order of Tab; arrows move it */
    let mark = null;

    function frame(element, id) {
        show(element, id !== null);
        if (id !== null) setAttributes(element, tileBox(world.grid, id));
    }

    function draw(grid) {
        shapes = Array.from({ length: grid.rows * grid.columns }, (_, id) =>
            makeSvg("rect", {
                ...tileBox(grid, id),
                "data-tile": id,
                role: "button",
                tabindex: -1,
            }),
        );
        current = tileAt(grid, 48, 7);
        shapes[current].setAttribute("tabindex", 0);
        group.replaceChildren(...shapes);
    }

    function colour(how) {
        for (const tile of tiles)
            setAttributes(shapes[tile.id], {
                "data-fill": tileFill(tile, world, how),
                "aria-label": tileSummary(tile, world),
            });
    }

    /* The mark keeps its size on the screen, whatever the zoom. */
    function placeMark() {
        show(byId("mark"), mark !== null);
        if (mark !== null)
            setAttributes(byId("mark"), {
                transform: `translate(${mark.x} ${mark.y}) scale(${view.unitsPerPixel()})`,
            });
    }

    function focusTile(id) {
        const box = tileBox(world.grid, id);
        shapes[current].setAttribute("tabindex", -1);
        current = id;
        shapes[id].setAttribute("tabindex", 0);
        view.reveal(box.x + box.width / 2, box.y + box.height / 2);
        shapes[id].focus({ preventScroll: true });
    }

    function onKey(event) {
        const { rows, columns } = world.grid;
        const [row, column] = [Math.floor(current / columns), current % columns];
        const targets = {
            ArrowUp: [Math.min(row + 1, rows - 1), column],
            ArrowDown: [Math.max(row - 1, 0), column],
            ArrowLeft: [row, (column + columns - 1) % columns],
            ArrowRight: [row, (column + 1) % columns],
        };
        if (event.key in targets)
            focusTile(targets[event.key][0] * columns + targets[event.key][1]);
        else if (event.key === "Enter" || event.key === " ")
            calls.look(-90 + ((row + 0.5) * 180) / rows, -180 + ((column + 0.5) * 360) / columns);
        else if (event.key === "+" || event.key === "-") view.zoomBy(event.key === "+" ? 2 : 0.5);
        else return;
        event.preventDefault();
    }

    function pointAt(target) {
        const id = target?.dataset?.tile === undefined ? null : Number(target.dataset.tile);
        frame(byId("hovered"), id);
        calls.point(id);
    }

    const view = makeMapView(svg, placeMark, calls.look);
    group.addEventListener(
        "pointerover",
        (event) => event.pointerType === "mouse" && pointAt(event.target),
    );
    group.addEventListener("pointerleave", () => pointAt(null));
    group.addEventListener(
        "focusin",
        (event) => event.target.matches(":focus-visible") && pointAt(event.target),
    );
    group.addEventListener("focusout", () => pointAt(null));
    group.addEventListener("keydown", onKey);

    return {
        /* update: a new document of /api/tiles. */
        update(document, how) {
            const old = world?.grid;
            world = document;
            tiles = readTiles(document);
            if (
                old === undefined ||
                old.rows !== world.grid.rows ||
                old.columns !== world.grid.columns
            )
                draw(world.grid);
            colour(how);
        },
        colour(how) {
            if (world !== null) colour(how);
        },
        world: () => world,
        tile: (id) => tiles[id],
        tiles: () => tiles,
        /* select: mark a place and its tile; the tile's id, null while the map isn't drawn. */
        select(lat, lon) {
            if (world === null) return null;
            mark = { x: (lon + 180) * 10, y: (90 - lat) * 10 };
            placeMark();
            view.reveal(mark.x, mark.y);
            const id = tileAt(world.grid, lat, lon);
            frame(byId("selected"), id);
            return id;
        },
    };
}
