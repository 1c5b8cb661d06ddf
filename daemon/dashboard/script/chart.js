/* A curve over time: an area, three rules with their figures, a needle under the pointer. */

const CHART_LEFT = 44; /* pixels for the figures of the rules */
const CHART_RIGHT = 8;
const CHART_TOP = 10;
const CHART_BOTTOM = 20;
const CHART_GAP = 20; /* seconds without a sample: the curve is broken */
const CHART_SHORTEST = 60; /* seconds on the time axis at least */

/* niceLimit: the least of 1, 2, 3, 5 times a power of ten that is not below value. */
function niceLimit(value) {
    const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
    return [1, 2, 3, 5, 10].find((step) => step * power >= value) * power;
}

/* niceStep: seconds between marks of the time axis, five of them at most. */
function niceStep(span) {
    return [30, 60, 120, 300, 600, 900, 1800, 3600].find((step) => span / step <= 5) ?? 7200;
}

/* curvePaths: the line and the area below it, for points [x, y, time]. */
function curvePaths(points, floor) {
    let line = "";
    let area = "";
    points.forEach(([x, y, time], index) => {
        const begins = index === 0 || time - points[index - 1][2] > CHART_GAP;
        const ends = index + 1 === points.length || points[index + 1][2] - time > CHART_GAP;
        line += `${begins ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
        area += begins ? `M${x.toFixed(1)} ${floor}` : "";
        area += `L${x.toFixed(1)} ${y.toFixed(1)}`;
        area += ends ? `L${x.toFixed(1)} ${floor}Z` : "";
    });
    return { line, area };
}

/* makeChart: draw(samples, from, until) takes [unix seconds, value] in order of time, and the ends of
 * the time axis; the figure last, or under the pointer, goes to `reading`. rules is how many figures
 * the axis has beside 0. */
function makeChart(svg, reading, rules) {
    let samples = [];
    let from = 0; /* unix seconds at the ends of the time axis */
    let until = 1;
    let pointer = null; /* x in pixels */

    function scale() {
        const width = Math.max(svg.clientWidth, 120);
        const height = Math.max(svg.clientHeight, 60);
        const limit = niceLimit(Math.max(...samples.map(([, value]) => value), 0));
        const floor = height - CHART_BOTTOM;
        return {
            width,
            height,
            limit,
            floor,
            x: (time) =>
                CHART_LEFT + ((time - from) / (until - from)) * (width - CHART_LEFT - CHART_RIGHT),
            y: (value) => floor - (value / limit) * (floor - CHART_TOP),
        };
    }

    function axes({ width, height, limit, x, y }) {
        const parts = [];
        for (let rule = 0; rule <= rules; rule++) {
            const value = (limit * rule) / rules;
            const text =
                value >= 10000 ? shortNumber.format(value) : String(Number(value.toFixed(1)));
            parts.push(
                makeSvg("path", {
                    class: "rule",
                    d: `M${CHART_LEFT} ${y(value)}H${width - CHART_RIGHT}`,
                }),
                makeSvg("text", { x: CHART_LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, text),
            );
        }
        const step = niceStep(until - from);
        for (let time = Math.ceil(from / step) * step; time <= until; time += step)
            if (x(time) > CHART_LEFT + 12 && x(time) < width - 16)
                parts.push(
                    makeSvg(
                        "text",
                        { x: x(time), y: height - 2, "text-anchor": "middle" },
                        (step < 60 ? clockSeconds : clockTime).format(time * 1000),
                    ),
                );
        return parts;
    }

    function nearest(x) {
        return samples.reduce((best, sample) =>
            Math.abs(x(sample[0]) - pointer) < Math.abs(x(best[0]) - pointer) ? sample : best,
        );
    }

    function render() {
        const space = scale();
        const { line, area } = curvePaths(
            samples.map(([time, value]) => [space.x(time), space.y(value), time]),
            space.floor,
        );
        const parts = [
            ...axes(space),
            makeSvg("path", { class: "area", d: area }),
            makeSvg("path", { class: "curve", d: line }),
        ];
        if (samples.length === 0) {
            setText(reading, UNKNOWN);
        } else if (pointer === null) {
            setText(reading, formatRate(samples.at(-1)[1]));
        } else {
            const [time, value] = nearest(space.x);
            parts.push(
                makeSvg("path", {
                    class: "needle",
                    d: `M${space.x(time)} ${CHART_TOP}V${space.floor}`,
                }),
            );
            setText(reading, `${formatRate(value)} at ${clockSeconds.format(time * 1000)}`);
        }
        setAttributes(svg, { viewBox: `0 0 ${space.width} ${space.height}` });
        svg.replaceChildren(...parts);
    }

    svg.addEventListener("pointermove", (event) => {
        pointer = event.clientX - svg.getBoundingClientRect().left;
        render();
    });
    svg.addEventListener("pointerleave", () => {
        pointer = null;
        render();
    });
    new ResizeObserver(render).observe(svg);
    return {
        draw(newSamples, newFrom, newUntil) {
            [samples, from, until] = [newSamples, newFrom, newUntil];
            render();
        },
    };
}

/* makeThroughput: the daemon's memory of the last hour (/api/history), continued second by second
 * with what status says. */
function makeThroughput() {
    const pointsChart = makeChart(byId("points-chart"), byId("points-reading"), 2);
    const lookupsChart = makeChart(byId("lookups-chart"), byId("lookups-reading"), 1);
    let points = []; /* [time, points/s], as the daemon remembers them */
    let lookups = [];
    let live = []; /* points/s since */

    function draw() {
        const samples = [...points, ...live];
        const until = samples.at(-1)?.[0] ?? nowUnix();
        const from = Math.min(samples[0]?.[0] ?? until, until - CHART_SHORTEST);
        setText(byId("throughput-span"), `last ${Math.round((until - from) / 60)} min`);
        pointsChart.draw(samples, from, until);
        lookupsChart.draw(lookups, from, until);
    }

    return {
        history(document) {
            points = document.samples.map(([time, value]) => [time, value]);
            lookups = document.samples.map(([time, , , value]) => [time, value]);
            live = live.filter(([time]) => time > (points.at(-1)?.[0] ?? 0));
            draw();
        },
        status(status) {
            live = [...live, [nowUnix(), status.points_per_s]].slice(-3600);
            draw();
        },
    };
}
