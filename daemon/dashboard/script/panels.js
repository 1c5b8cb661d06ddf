/* The smaller cards: stations, failures, learned points, the last run, generations. */

function showStations(status) {
    const list = byId("stations");
    const working = ["snapshot", "refreshing", "publishing"].includes(status.state);
    if (list.children.length !== status.stations.length)
        list.replaceChildren(
            ...status.stations.map(() =>
                make(
                    "li",
                    {},
                    make(
                        "span",
                        {},
                        make("span"),
                        make("span", { class: "tag", hidden: "" }, "bottleneck"),
                    ),
                    make("span", { class: "value" }),
                    make("span", { class: "meter" }, make("span")),
                ),
            ),
        );
    status.stations.forEach((station, index) => {
        const [name, value, meter] = list.children[index].children;
        const slow = working && status.bottleneck === station.name;
        setAttributes(list.children[index], {
            "data-station": station.name,
            "data-bottleneck": slow ? "" : null,
        });
        setText(name.firstChild, station.name);
        show(name.lastChild, slow);
        const waiting = station.queue > 0 ? `${formatCount(station.queue)} waiting · ` : "";
        setText(value, `${waiting}${Math.round(100 * station.busy)}%`);
        meter.firstChild.style.width = `${100 * station.busy}%`;
    });
}

const CAUSE_NAMES = {
    timeout: "No reply in time",
    connect: "No connection",
    reset: "Connection broken",
    tls: "No secure connection",
    http_4xx: "HTTP 4xx, refused",
    http_429: "HTTP 429, too many requests",
    http_5xx: "HTTP 5xx, server error",
    bad_reply: "Reply makes no sense",
    bad_request: "Request makes no sense",
    quota: "Quota used up",
    missing_row: "Row missing from a batch",
    internal: "Fault of refreshd",
    denied: "Denied",
};

/* showFailures: by cause, most first, of the run that is on or the last one. */
function showFailures(status) {
    const run = runOf(status);
    const rows = Object.entries(run?.failures ?? {})
        .filter(([, count]) => count > 0)
        .sort(([, a], [, b]) => b - a);
    const most = rows[0]?.[1] ?? 1;
    const total = run?.points.failed ?? 0;
    setText(
        byId("failures-aside"),
        run === null
            ? ""
            : `${formatCount(total)} ${run.active ? "in this run" : "in the last run"}`,
    );
    const list = byId("failures");
    if (rows.length === 0) {
        list.replaceChildren(
            make(
                "li",
                { class: "hint" },
                run === null ? "Nothing was asked yet." : "No point failed.",
            ),
        );
        return;
    }
    list.replaceChildren(
        ...rows.map(([cause, count]) => {
            const bar = make("span");
            bar.style.width = `${(100 * count) / most}%`;
            return make(
                "li",
                { "data-cause": cause },
                make("span", {}, CAUSE_NAMES[cause] ?? cause),
                make("span", { class: "value" }, formatCount(count)),
                make("span", { class: "meter" }, bar),
            );
        }),
    );
}

function showLearned(status) {
    const { entries, pending, max } = status.learned;
    fillPairs(byId("learned"), [
        ["Kept until the next run", formatCount(entries)],
        ["Being asked now", formatCount(pending)],
        ["Most that are kept", max > 0 ? formatCount(max) : UNKNOWN],
    ]);
}

/* showLastRun: also beside a run that is on, to compare with. */
function showLastRun(status) {
    const last = status.last_run;
    show(byId("last"), last !== null);
    if (last === null) return;
    setText(byId("last-aside"), last.result ?? "");
    const speed = last.elapsed_s > 0 ? last.points.answered / last.elapsed_s : 0;
    fillPairs(byId("last-figures"), [
        ["Ended", last.ended_at === null ? UNKNOWN : formatTime(last.ended_at)],
        ["Took", formatDuration(last.elapsed_s)],
        ["Points", formatCount(last.points.answered)],
        ["Mean pace", `${formatRate(speed)} per second`],
        ["Changed", formatCount(last.points.changed)],
        ["Failed", formatCount(last.points.failed)],
        ["Geocoder", last.provider ?? UNKNOWN],
    ]);
}

function generationRow(row) {
    const number = make("td", {}, String(row.generation));
    if (row.current) number.append(make("span", { class: "tag" }, "current"));
    return make(
        "tr",
        { "data-generation": row.generation },
        number,
        make("td", { title: formatTime(row.published) }, formatDate(row.published)),
        make("td", { class: "wide" }, row.run || "import"),
        make("td", { class: "number" }, formatCount(row.entries)),
        make("td", { class: "number wide" }, formatBytes(row.bytes)),
    );
}

function showGenerations(document) {
    const rows = document.generations;
    const current = rows.find((row) => row.current);
    const none = make(
        "tr",
        {},
        make("td", { colspan: 5 }, "None yet: refreshctl cache import makes the first."),
    );
    byId("generations").replaceChildren(...(rows.length > 0 ? rows.map(generationRow) : [none]));
    setText(
        byId("cache-line"),
        current === undefined
            ? "No generation published"
            : `Generation ${current.generation}, ${formatCount(current.entries)} entries`,
    );
}

function showLegend(world, colour) {
    const age = world.complete
        ? "by mean age of their entries"
        : "by mean age, still being counted";
    const progress =
        world.run === null ? "by the generation that built them" : "by progress of the run";
    setText(byId("map-aside"), colour === "age" ? age : progress);
    const item = ({ fill, text }, name) =>
        make("li", { class: name }, make("i", { "data-fill": fill, "aria-hidden": "true" }), text);
    const rows = legendRows(world, colour);
    const steps = rows.filter(({ step }) => step).map((row) => item(row, "step"));
    const scale =
        steps.length > 0 ? [make("li", { class: "scale" }, make("ol", {}, ...steps))] : [];
    byId("legend").replaceChildren(
        ...scale,
        ...rows.filter(({ step }) => !step).map((row) => item(row, null)),
    );
}
