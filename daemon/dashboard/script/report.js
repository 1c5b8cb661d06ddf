/* The report of the newest run: tables that are counted by default have a form of their own, all
 * others the form of their kind. */

const REPORT_ROWS = 10;
const REPORT_TITLES = {
    outcomes: "Outcomes",
    changed_by_country: "Changed by country",
    changed_cities: "Cities most changed",
    changes: "Some changes",
    moved: "Some that are in another country now",
    failures_by_cause: "Failures by cause",
    entries_by_age: "Age before the run, years",
    latency: "Latency of requests, milliseconds",
    bottleneck: "What was waited for, by hour",
};

const fewDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const regions = new Intl.DisplayNames(["en"], { type: "region", fallback: "code" });

function regionName(code) {
    try {
        return /^[a-z]{2}$/.test(code) ? regions.of(code.toUpperCase()) : code;
    } catch {
        return code;
    }
}

function valueText(value) {
    if (Array.isArray(value)) return value.map(valueText).join(", ");
    if (typeof value !== "number") return String(value ?? UNKNOWN);
    return Number.isInteger(value) ? formatCount(value) : fewDigits.format(value);
}

function indexText(row) {
    return Object.entries(row.index)
        .map(([field, value]) => {
            if (field.endsWith("countrycode")) return regionName(value);
            return field === "cause" ? (CAUSE_NAMES[value] ?? value) : valueText(value);
        })
        .join(", ");
}

/* inOrder: by the number of the index where it is one, else as the daemon has them. */
function inOrder(rows) {
    const first = (row) => Object.values(row.index)[0];
    if (rows.length === 0 || typeof first(rows[0]) !== "number") return rows;
    return [...rows].sort((a, b) => first(a) - first(b));
}

function isPlain(table) {
    return table.rows.every((row) => typeof row.value === "number");
}

/* --- parts ------------------------------------------------------------------------------- */

function moreHint(count) {
    return count > 0 ? [make("p", { class: "hint" }, `and ${formatCount(count)} more`)] : [];
}

/* notesOf: what the rows of a table do not say. */
function notesOf(table) {
    const relative = table.kind === "quantile" || table.kind === "unique";
    const notes = [
        table.skipped > 0 && `${formatCount(table.skipped)} skipped: something is missing`,
        table.other > 0 && `${formatCount(table.other)} counted as other`,
        table.error_bound > 0 &&
            (relative
                ? `exact to ${fewDigits.format(100 * table.error_bound)}%`
                : table.kind === "top"
                  ? `counts at most ${valueText(table.error_bound)} too large`
                  : `off by at most ${table.error_bound.toPrecision(2)}`),
    ].filter(Boolean);
    return notes.length > 0 ? [make("p", { class: "hint notes" }, notes.join(" · "))] : [];
}

/* barList: [name, number, text] each; more: how many the daemon has left out. */
function barList(rows, more = 0) {
    const most = Math.max(...rows.map(([, value]) => value), 0);
    const shown = rows.slice(0, REPORT_ROWS).map(([name, value, text]) => {
        const bar = make("span");
        bar.style.width = `${most > 0 ? (100 * Math.max(value, 0)) / most : 0}%`;
        return make(
            "li",
            {},
            make("span", { class: "name" }, name),
            make("span", { class: "value" }, text),
            make("span", { class: "meter" }, bar),
        );
    });
    return [
        make("ul", { class: "bars" }, ...shown),
        ...moreHint(rows.length - shown.length + more),
    ];
}

/* elementsOf: [row, element] of all lists of a table. */
function elementsOf(table) {
    return table.rows.flatMap((row) => row.value.map((element) => [row, element]));
}

/* --- forms ----------------------------------------------------------------------------------- */

function plainForm(table) {
    return barList(
        inOrder(table.rows).map((row) => [
            indexText(row) || table.kind,
            row.value,
            valueText(row.value),
        ]),
        table.more,
    );
}

function topForm(table) {
    return barList(
        elementsOf(table).map(([row, { value, count, error }]) => [
            [indexText(row), valueText(value)].filter(Boolean).join(": "),
            count,
            valueText(count) + (error > 0 ? ` ± ${valueText(error)}` : ""),
        ]),
        table.more,
    );
}

/* listForm: what was, what is, and the rest small; or all of it. */
function listForm(table) {
    const goes = /\sof\s+old_(\w+)\s*,\s*\1\b/.test(table.text);
    const elements = elementsOf(table);
    const shown = elements.slice(0, REPORT_ROWS).map(([row, element]) => {
        const values = [element].flat();
        const index = indexText(row);
        const parts = index ? [make("span", { class: "value" }, `${index}: `)] : [];
        if (goes && values.length > 1)
            parts.push(
                make("del", {}, valueText(values[0])),
                make("span", { "aria-hidden": "true" }, " → "),
                make("ins", {}, valueText(values[1])),
                make("span", { class: "value" }, ` ${values.slice(2).map(String).join(", ")}`),
            );
        else parts.push(make("span", {}, values.map((value) => String(value)).join(", ")));
        return make("li", {}, ...parts);
    });
    return [
        make("ul", { class: "changes" }, ...shown),
        ...moreHint(elements.length - shown.length + (table.more ?? 0)),
    ];
}

/* quantileAt: of values from least to greatest, between two of them where it must be. */
function quantileAt(values, share) {
    const rank = share * (values.length - 1);
    const below = Math.floor(rank);
    const above = Math.min(below + 1, values.length - 1);
    return values[below] + (rank - below) * (values[above] - values[below]);
}

const PLOT = { width: 320, height: 120, left: 36, bottom: 18, top: 6, right: 6, line: 12 };

/* quantilePlot: a curve for each row over the share of values below; small ones get more room. */
function quantilePlot(rows, label) {
    const all = rows.flatMap((row) => row.value);
    const stretch = Math.min(...all) >= 0 ? Math.log1p : (value) => value;
    const [least, most] = [stretch(Math.min(...all)), stretch(Math.max(...all))];
    const x = (share) => PLOT.left + share * (PLOT.width - PLOT.left - PLOT.right);
    const y = (value) =>
        PLOT.height -
        PLOT.bottom -
        ((stretch(value) - least) / (most - least || 1)) *
            (PLOT.height - PLOT.bottom - PLOT.top);
    const parts = [];
    const marks = [Math.min(...all), Math.max(...all), quantileAt(rows[0].value, 0.5)].filter(
        (value, at, before) =>
            before.slice(0, at).every((other) => Math.abs(y(other) - y(value)) > PLOT.line),
    );
    for (const value of marks)
        parts.push(
            makeSvg("path", { class: "rule", d: `M${PLOT.left} ${y(value)}H${PLOT.width}` }),
            makeSvg(
                "text",
                { x: PLOT.left - 4, y: y(value) + 4, "text-anchor": "end" },
                shortNumber.format(value),
            ),
        );
    for (const share of [0, 0.25, 0.5, 0.75, 1])
        parts.push(
            makeSvg(
                "text",
                {
                    x: x(share),
                    y: PLOT.height - 3,
                    "text-anchor": share === 0 ? "start" : share === 1 ? "end" : "middle",
                },
                `${100 * share}%`,
            ),
        );
    rows.forEach(({ value: values }, index) => {
        const points = values.map(
            (value, at) => `${x(at / (values.length - 1)).toFixed(1)} ${y(value).toFixed(1)}`,
        );
        parts.push(
            makeSvg("path", { class: "curve", "data-curve": index, d: `M${points.join("L")}` }),
        );
    });
    return makeSvg(
        "svg",
        {
            class: "chart plot",
            viewBox: `0 0 ${PLOT.width} ${PLOT.height}`,
            role: "img",
            "aria-label": label,
        },
        ...parts,
    );
}

function quantileForm(table) {
    const rows = table.rows.filter((row) => row.value.length > 1).slice(0, 5);
    if (rows.length === 0) return [];
    const lines = rows.map((row, index) => {
        const figures = [
            ["half within", 0.5],
            ["90%", 0.9],
            ["99%", 0.99],
            ["all", 1],
        ].map(([name, share]) => `${name} ${fewDigits.format(quantileAt(row.value, share))}`);
        return make(
            "li",
            {},
            make("span", { class: "swatch", "data-curve": index, "aria-hidden": "true" }),
            make("span", { class: "name" }, indexText(row) || table.name),
            make("span", { class: "value" }, figures.join(", ")),
        );
    });
    return [
        quantilePlot(rows, `Quantiles of ${table.name}, as the list below says`),
        make("ul", { class: "curves" }, ...lines),
        ...moreHint(table.rows.length - rows.length),
    ];
}

/* hourForm: a bar for each hour, divided by station. */
function hourForm(table) {
    const hours = new Map();
    for (const { index, value } of inOrder(table.rows))
        hours.set(index.hour, [...(hours.get(index.hour) ?? []), [index.bottleneck, value]]);
    const names = [...new Set(table.rows.map((row) => row.index.bottleneck))].sort();
    const shown = [...hours].slice(-24).map(([hour, parts]) => {
        const total = parts.reduce((sum, [, value]) => sum + value, 0);
        const [name, value] = parts.reduce((a, b) => (b[1] > a[1] ? b : a));
        const bars = parts.map(([part, count]) => {
            const bar = make("span", { "data-part": names.indexOf(part) });
            bar.style.width = `${(100 * count) / total}%`;
            return bar;
        });
        return make(
            "li",
            {},
            make("span", { class: "name" }, `Hour ${hour + 1}`),
            make("span", { class: "value" }, `${name} ${formatPercent(value / total)}`),
            make("span", { class: "meter parts" }, ...bars),
        );
    });
    return [
        make("ul", { class: "bars" }, ...shown),
        make(
            "ul",
            { class: "curves keys" },
            ...names.map((name, index) =>
                make(
                    "li",
                    {},
                    make("span", { class: "swatch", "data-part": index, "aria-hidden": "true" }),
                    make("span", { class: "name" }, name),
                ),
            ),
        ),
    ];
}

/* countryForm: changed, lost and gained side by side. */
function countryForm(columns) {
    const countries = new Map();
    columns.forEach(([, table], column) => {
        for (const row of table.rows) {
            const name = indexText(row);
            const counts = countries.get(name) ?? columns.map(() => 0);
            counts[column] = row.value;
            countries.set(name, counts);
        }
    });
    const rows = [...countries].sort(([, a], [, b]) => b[0] - a[0] || b[1] - a[1]);
    const number = (tag, text, more) => make(tag, { class: "number", ...more }, text);
    const body = rows
        .slice(0, REPORT_ROWS)
        .map(([name, counts]) =>
            make(
                "tr",
                {},
                make("th", { scope: "row" }, name),
                ...counts.map((count) => number("td", count > 0 ? valueText(count) : UNKNOWN)),
            ),
        );
    const heads = columns.map(([name]) => number("th", name, { scope: "col" }));
    return [
        make(
            "table",
            {},
            make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Country"), ...heads)),
            make("tbody", {}, ...body),
        ),
        ...moreHint(rows.length - body.length),
    ];
}

/* --- the card -------------------------------------------------------------------------------- */

function formOf(table) {
    if (table.rows.length === 0) return [];
    if (table.kind === "quantile") return quantileForm(table);
    if (isPlain(table)) {
        const hours = table.rows.every(({ index }) => "hour" in index && "bottleneck" in index);
        return hours ? hourForm(table) : plainForm(table);
    }
    if (!table.rows.every((row) => Array.isArray(row.value))) return [];
    return table.kind === "top" ? topForm(table) : elementsOf(table).length > 0 ? listForm(table) : [];
}

function panel(table, form) {
    const known = REPORT_TITLES[table.name];
    const said = known === undefined ? [make("p", { class: "hint" }, make("code", {}, table.text))] : [];
    const empty = make("p", { class: "hint" }, "Nothing.");
    return make(
        "section",
        { class: "table", "data-table": table.name, "data-kind": table.kind },
        make("h3", {}, known ?? table.name),
        ...said,
        ...(form.length > 0 ? form : [empty]),
        ...notesOf(table),
    );
}

/* countryColumns: the tables that make up the one of countries; [] when they are not as usual. */
function countryColumns(tables) {
    const names = { changed: "Changed", lost: "Lost", gained: "Gained" };
    const columns = Object.entries(names)
        .map(([name, title]) => [title, tables.find((table) => table.name === `${name}_by_country`)])
        .filter(([, table]) => table !== undefined);
    const usual = columns.every(
        ([, table]) =>
            isPlain(table) &&
            table.rows.every(({ index }) => Object.keys(index).join().endsWith("countrycode")),
    );
    return usual && columns[0]?.[0] === "Changed" ? columns : [];
}

function showReport(report) {
    const card = byId("report-card");
    show(card, report.run !== null);
    if (report.run === null) return;
    const countries = countryColumns(report.tables);
    const rest = report.tables.filter((table) => !countries.some(([, one]) => one === table));
    const panels = rest.map((table) => panel(table, formOf(table)));
    if (countries.length > 0)
        panels.unshift(
            panel(
                countries[0][1],
                countries.some(([, table]) => table.rows.length > 0) ? countryForm(countries) : [],
            ),
        );
    setText(byId("report-aside"), `${report.run}, ${report.result ?? "so far"}`);
    byId("report").replaceChildren(
        ...(panels.length > 0
            ? panels
            : [make("p", { class: "hint" }, "No tables are kept of this run.")]),
    );
}

/* makeReportFeed: the report is asked for when a run ends, and now and then while one is on. */
function makeReportFeed() {
    let seen = "";
    let asked = -Infinity;
    let busy = false;
    return {
        async look(status) {
            const now = performance.now();
            const key = `${status.run} ${status.last_run?.run} ${status.last_run?.result}`;
            const due = status.run !== null && now - asked > REPORT_INTERVAL;
            if (busy || (key === seen && !due)) return;
            if (now - asked < REPORT_AGAIN) return;
            busy = true;
            asked = now;
            try {
                showReport(await fetchJson("/api/report"));
                seen = key;
            } catch {
                /* it is asked for again; status says when the daemon is away */
            } finally {
                busy = false;
            }
        },
    };
}
