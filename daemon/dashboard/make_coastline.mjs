/* Makes coastline.txt: the world's land as one SVG path, in tenths of a degree, x to the east of
 * longitude -180, y to the south of latitude 90. Needed only to make the file anew:
 *
 *   npm install --no-save --prefix /tmp/coast world-atlas@2.0.2
 *   node daemon/dashboard/make_coastline.mjs /tmp/coast/node_modules/world-atlas/land-110m.json \
 *       > daemon/dashboard/coastline.txt
 *
 * The input is TopoJSON (https://github.com/topojson/topojson-specification), made by world-atlas
 * of Natural Earth's 1:110 million land polygons, which are in the public domain. */
import { readFileSync } from "node:fs";

const WORLD = 3600;
const BELOW = 1900; /* south of the map, so that no line is drawn along its edge */

/* arcPoints: an arc's positions in tenths of a degree on the map. */
function arcPoints(topology, arc) {
    const { scale, translate } = topology.transform;
    let x = 0;
    let y = 0;
    return arc.map(([dx, dy]) => {
        x += dx;
        y += dy;
        return [
            Math.round((x * scale[0] + translate[0] + 180) * 10),
            Math.round((90 - (y * scale[1] + translate[1])) * 10),
        ];
    });
}

/* ringPoints: arcs joined; a negative index is an arc backwards. */
function ringPoints(topology, ring) {
    const points = [];
    for (const index of ring) {
        const arc = arcPoints(topology, topology.arcs[index < 0 ? ~index : index]);
        points.push(...(index < 0 ? arc.reverse() : arc).slice(points.length > 0 ? 1 : 0));
    }
    return points;
}

/* unwrapped: the ring without jumps from one edge of the map to the other, so that it may run over
 * an edge. A ring around the pole ends a world away from its beginning: it is closed below the map. */
function unwrapped(points) {
    let turn = 0;
    const out = points.map(([x, y], index) => {
        const step = index > 0 ? x - points[index - 1][0] : 0;
        turn -= Math.abs(step) > WORLD / 2 ? Math.sign(step) * WORLD : 0;
        return [x + turn, y];
    });
    const [first, last] = [out[0], out.at(-1)];
    return first[0] === last[0] ? out : [...out, [last[0], BELOW], [first[0], BELOW], first];
}

/* visibleCopies: the ring as often as it takes to show all of it: what runs over one edge comes in
 * at the other. The map cuts off the rest. */
function visibleCopies(points) {
    const xs = points.map(([x]) => x);
    const [least, most] = [Math.min(...xs), Math.max(...xs)];
    return [-WORLD, 0, WORLD]
        .filter((shift) => least + shift < WORLD && most + shift > 0)
        .map((shift) => points.map(([x, y]) => [x + shift, y]));
}

/* ringPath: "m" to the first point, then steps: SVG takes pairs after m as lines, and an m that
 * begins a path as absolute. A point that
 * falls on the one before it is left out. */
function ringPath(points, from) {
    let [x, y] = from;
    const steps = [];
    for (const [nextX, nextY] of points.slice(0, -1)) {
        if (steps.length > 0 && nextX === x && nextY === y) continue;
        const down = nextY - y;
        steps.push(`${nextX - x}${down < 0 ? "" : " "}${down}`);
        [x, y] = [nextX, nextY];
    }
    return `m${steps.join(" ").replace(/ -/g, "-")}z`;
}

const topology = JSON.parse(readFileSync(process.argv[2], "utf8"));
const polygons = topology.objects.land.geometries.flatMap((geometry) => geometry.arcs);
const rings = polygons
    .flat()
    .flatMap((ring) => visibleCopies(unwrapped(ringPoints(topology, ring))));
let from = [0, 0];
const lines = rings.map((points) => {
    const line = ringPath(points, from);
    from = points[0];
    return line;
});
process.stdout.write(lines.join("\n") + "\n");
