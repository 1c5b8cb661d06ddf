/* What part of the world the map shows: zooming and dragging. Units are those of the map, tenths of
 * a degree; the whole world is 3600 by 1800. */

const WORLD_WIDTH = 3600;
const WORLD_HEIGHT = 1800;
const ZOOM_MOST = 64;
const DRAG_BEGINS = 5; /* pixels: less is a click of an unsteady hand */

/* makeMapView: onChange is called after each change of the view, onClick(lat, lon) for a click that
 * was no drag. */
function makeMapView(svg, onChange, onClick) {
    const view = { x: 0, y: 0, zoom: 1 };
    const pointers = new Map(); /* those that are down: id -> [x, y] on the screen */
    let moved = 0; /* pixels since the first of them went down */

    function apply() {
        const width = WORLD_WIDTH / view.zoom;
        const height = WORLD_HEIGHT / view.zoom;
        view.x = Math.min(Math.max(view.x, 0), WORLD_WIDTH - width);
        view.y = Math.min(Math.max(view.y, 0), WORLD_HEIGHT - height);
        setAttributes(svg, {
            viewBox: `${view.x} ${view.y} ${width} ${height}`,
            "data-zoomed": view.zoom > 1 ? "" : null,
        });
        byId("zoom-in").disabled = view.zoom >= ZOOM_MOST;
        byId("zoom-out").disabled = view.zoom <= 1;
        onChange();
    }

    function unitsPerPixel() {
        return WORLD_WIDTH / view.zoom / Math.max(svg.clientWidth, 1);
    }

    /* A position on the screen in units of the map. */
    function toMap(screenX, screenY) {
        const box = svg.getBoundingClientRect();
        return [
            view.x + (screenX - box.left) * unitsPerPixel(),
            view.y + (screenY - box.top) * unitsPerPixel(),
        ];
    }

    /* Zoom by factor so that the place (x, y) stays where it is. */
    function zoomAround(x, y, factor) {
        const zoom = Math.min(Math.max(view.zoom * factor, 1), ZOOM_MOST);
        view.x = x - ((x - view.x) * view.zoom) / zoom;
        view.y = y - ((y - view.y) * view.zoom) / zoom;
        view.zoom = zoom;
        apply();
    }

    function zoomBy(factor) {
        const width = WORLD_WIDTH / view.zoom;
        zoomAround(view.x + width / 2, view.y + width / 4, factor);
    }

    function spread() {
        const [[ax, ay], [bx, by]] = pointers.values();
        return { x: (ax + bx) / 2, y: (ay + by) / 2, length: Math.hypot(ax - bx, ay - by) };
    }

    function drag(event) {
        const [x, y] = pointers.get(event.pointerId);
        const before = pointers.size === 2 ? spread() : null;
        moved += Math.hypot(event.clientX - x, event.clientY - y);
        pointers.set(event.pointerId, [event.clientX, event.clientY]);
        if (before !== null) {
            const after = spread();
            zoomAround(...toMap(after.x, after.y), after.length / Math.max(before.length, 1));
        } else if (view.zoom > 1 && moved > DRAG_BEGINS) {
            view.x -= (event.clientX - x) * unitsPerPixel();
            view.y -= (event.clientY - y) * unitsPerPixel();
            apply();
        }
    }

    function listen() {
        svg.addEventListener("pointerdown", (event) => {
            if (pointers.size === 0) moved = 0;
            pointers.set(event.pointerId, [event.clientX, event.clientY]);
        });
        svg.addEventListener(
            "pointermove",
            (event) => pointers.has(event.pointerId) && drag(event),
        );
        for (const name of ["pointerup", "pointercancel", "pointerleave"])
            svg.addEventListener(name, (event) => pointers.delete(event.pointerId));
        svg.addEventListener("click", (event) => {
            const [x, y] = toMap(event.clientX, event.clientY);
            if (moved <= DRAG_BEGINS) onClick(90 - y / 10, x / 10 - 180);
        });
        /* A pinch on a touchpad comes as a wheel with Ctrl; a plain wheel scrolls the page. */
        svg.addEventListener(
            "wheel",
            (event) => {
                if (!event.ctrlKey && !event.metaKey) return;
                event.preventDefault();
                zoomAround(...toMap(event.clientX, event.clientY), 2 ** (-event.deltaY / 200));
            },
            { passive: false },
        );
        byId("zoom-in").addEventListener("click", () => zoomBy(2));
        byId("zoom-out").addEventListener("click", () => zoomBy(0.5));
        new ResizeObserver(onChange).observe(svg);
    }

    listen();
    return {
        unitsPerPixel,
        zoomBy,
        /* reveal: move until the place is in sight. */
        reveal(x, y) {
            const width = WORLD_WIDTH / view.zoom;
            if (x < view.x || x > view.x + width || y < view.y || y > view.y + width / 2) {
                view.x = x - width / 2;
                view.y = y - width / 4;
                apply();
            }
        },
    };
}
