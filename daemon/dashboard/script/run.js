/* The run: state, progress, figures, and what a person must know. */

const STATE_NAMES = {
    idle: "Idle",
    snapshot: "Taking the snapshot",
    refreshing: "Refreshing",
    paused: "Paused",
    held: "Held at the gate",
    publishing: "Publishing",
    failed: "Failed",
};

/* runOf: the run that is on, else the last one, as {points, failures, active}. */
function runOf(status) {
    if (status.run !== null)
        return {
            points: status.points,
            failures: status.failures,
            selected: status.selected,
            active: true,
        };
    const last = status.last_run;
    if (last === null) return null;
    return {
        points: last.points,
        failures: last.failures,
        selected: last.points.total - last.points.carried,
        active: false,
    };
}

function stateName(status) {
    return status.state === "paused" && status.draining
        ? "Pausing"
        : (STATE_NAMES[status.state] ?? status.state);
}

/* fleetNoticeOf: likewise, of a peer that does not do what the others do. */
function fleetNoticeOf(fleet) {
    const text = fleet?.detail ?? "";
    if (fleet === undefined) return null;
    if (fleet.phase === "unreachable") return { tone: "warn", title: "etcd can't be reached", text };
    if (fleet.phase === "left_out") return { tone: "bad", title: "Left out of the fleet's run", text };
    if (!fleet.current && fleet.phase !== "switching")
        return { tone: "warn", title: "Not the fleet's generation", text };
    return null;
}

/* noticeOf: {tone, title, text} of what needs a person's eye; null = nothing. */
function noticeOf(status) {
    const reason = status.reason;
    switch (status.state) {
        case "held":
            return {
                tone: "bad",
                title: "Held at the gate",
                text: reason ?? "Publish or cancel it with refreshctl.",
            };
        case "failed":
            return {
                tone: "bad",
                title: "The last run failed",
                text: reason ?? status.last_run?.reason ?? "",
            };
        case "paused":
            return {
                tone: status.exit === null ? "warn" : "bad",
                title: stateName(status),
                text: reason ?? "",
            };
        default:
            if (reason === null) return fleetNoticeOf(status.fleet);
            return { tone: "warn", title: status.points_per_s > 0 ? "Slowed down" : "Waiting", text: reason };
    }
}

function showNotice(status) {
    const notice = noticeOf(status);
    show(byId("notice"), notice !== null);
    if (notice === null) return;
    setAttributes(byId("notice"), { "data-tone": notice.tone });
    setText(byId("notice-title"), notice.text === "" ? notice.title : `${notice.title}:`);
    setText(byId("notice-text"), notice.text);
}

/* headlineOf: [large, small]. */
function headlineOf(status) {
    const last = status.last_run;
    if (status.run !== null && status.fleet?.phase === "gathering")
        return ["Exchanging learned points", "with the other peers"];
    if (status.run !== null && status.fleet?.phase === "ready")
        return ["Ready to switch", `${status.fleet.ready} of ${status.fleet.members} peers are`];
    if (status.run !== null && status.fleet?.phase === "switching")
        return ["Switching over", `at ${clockSeconds.format(1000 * status.fleet.switch_at)}`];
    if (status.run !== null && status.state === "snapshot") return ["Collecting points", ""];
    if (status.run !== null)
        return [
            formatPercent(status.selected > 0 ? status.points.answered / status.selected : 1),
            `${formatCount(status.points.answered)} of ${formatCount(status.selected)} points answered`,
        ];
    if (last === null)
        return [
            "No run yet",
            status.generation > 0 ? "the cache is as it was imported" : "and nothing is published",
        ];
    const ended = last.ended_at === null ? "" : `${formatAge(nowUnix() - last.ended_at)} ago`;
    return [`Last run ${last.result}`, ended];
}

function showFigures(status) {
    const on = status.run !== null;
    show(byId("figures"), on);
    const rate = status.rate > 0 ? `limit ${formatRate(status.rate)}` : "no limit";
    setText(byId("rate"), on ? formatRate(status.points_per_s) : UNKNOWN);
    setText(byId("rate-more"), on ? rate : "");
    setText(byId("eta"), on && status.eta_s !== null ? formatDuration(status.eta_s) : UNKNOWN);
    setText(byId("eta-more"), etaMore(status));
    setText(byId("elapsed"), on ? formatDuration(status.elapsed_s) : UNKNOWN);
    setText(
        byId("elapsed-more"),
        on ? `${formatCount(status.requests.in_flight)} points in flight` : "",
    );
    setText(byId("rebuilt"), on ? `${formatCount(status.tiles.rebuilt)}` : UNKNOWN);
    setText(byId("rebuilt-more"), on ? `of ${formatCount(status.tiles.total)}` : "");
}

function etaMore(status) {
    if (status.run === null || status.eta_s === null) return "";
    if (status.deadline_fits !== null)
        return status.deadline_fits ? "the deadline fits" : "misses the deadline";
    return `until ${status.eta_s < 12 * 3600 ? clockTime.format(Date.now() + 1000 * status.eta_s) : formatTime(nowUnix() + status.eta_s)}`;
}

const SETTLED = ["found", "none", "unsure", "failed"];

function showBar(run) {
    const asked = run === null ? 0 : run.selected;
    const share = (count) => (asked > 0 ? (100 * count) / asked : 0);
    show(byId("bar"), run !== null);
    show(byId("counts"), run !== null);
    for (const part of SETTLED)
        document.querySelector(`#bar [data-part=${part}]`).style.width =
            `${run === null ? 0 : share(run.points[part])}%`;
    setAttributes(byId("bar"), {
        "aria-valuenow": run === null ? 0 : Math.floor(share(run.points.answered)),
    });
}

function showCounts(run) {
    const list = byId("counts");
    const rows = [...SETTLED, "changed", "carried"];
    if (list.children.length === 0)
        list.append(
            ...rows.map((name) =>
                make(
                    "div",
                    { "data-count": name },
                    make(
                        "dt",
                        {},
                        ...(SETTLED.includes(name) ? [make("i", { "data-part": name })] : []),
                        name,
                    ),
                    make("dd"),
                ),
            ),
        );
    for (const row of list.children)
        setText(row.lastChild, run === null ? UNKNOWN : formatCount(run.points[row.dataset.count]));
}

/* showRun: all of the card, the notice, and the page's title. */
function showRun(status) {
    const run = runOf(status);
    const [large, small] = headlineOf(status);
    setAttributes(byId("state"), { "data-state": status.state });
    setText(byId("state"), stateName(status));
    setText(byId("headline"), large);
    setText(byId("headline-more"), small);
    setText(byId("run-id"), status.run ?? status.last_run?.run ?? "");
    showNotice(status);
    showFigures(status);
    showBar(run);
    showCounts(run);
    document.title =
        status.run === null ? "refreshd" : `${large} · ${stateName(status)} · refreshd`;
    const reason = noticeOf(status)?.text ?? "";
    setText(byId("announcement"), `${stateName(status)}. ${reason.replace(/\d+ s\b/g, "")}`);
}
