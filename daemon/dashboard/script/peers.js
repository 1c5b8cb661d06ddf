/* The peers of a fleet: who is there, who has what, and what is odd about one. */

const ODD_CLOCK = 1; /* seconds */
const PHASE_NAMES = {
    unreachable: "etcd can't be reached",
    idle: "no run",
    catching_up: "this peer fetches the fleet's generation",
    gathering: "learned points are exchanged",
    refreshing: "refreshing",
    ready: "waiting until the others are ready",
    switching: "switching",
    left_out: "a run without this peer",
};

function formatShare(count, total) {
    return total > 0 ? formatPercent(count / total) : UNKNOWN;
}

function heardOf(peer) {
    if (peer.self) return "this server";
    if (peer.last_seen === 0) return "never";
    return peer.live ? "live" : `${formatAge(peer.lag_s)} ago`;
}

function peerRow(peer, files) {
    const digest = peer.digest === null ? UNKNOWN : peer.digest.slice(0, 8);
    const name = make("td", {}, peer.name);
    if (peer.member) name.append(make("span", { class: "tag" }, "member"));
    return make(
        "tr",
        { "data-peer": peer.name, "data-live": peer.live },
        name,
        make("td", {}, peer.state ?? UNKNOWN),
        make("td", { class: "number" }, formatShare(peer.point_files_done, files)),
        make("td", { class: "number" }, formatShare(peer.point_files_held, files)),
        make("td", { title: peer.advertise ?? "" }, heardOf(peer)),
        make("td", { class: "wide", title: `generation ${peer.generation}` }, digest),
    );
}

function odditiesOf(peer) {
    const found = [];
    if (peer.differs !== null) found.push(`${peer.name} differs: ${peer.differs}`);
    const ahead = peer.clock_ahead_s ?? 0;
    if (Math.abs(ahead) >= ODD_CLOCK)
        found.push(
            `The clock of ${peer.name} is ${formatDuration(Math.abs(ahead))} ${ahead > 0 ? "ahead of" : "behind"} ours`,
        );
    return found;
}

function showPeers(fleet, { peers, point_files: files }) {
    const phase = PHASE_NAMES[fleet.phase] ?? fleet.phase;
    setText(byId("peers-aside"), `${formatCount(fleet.live)} live; ${phase}`);
    byId("peers").replaceChildren(...peers.map((peer) => peerRow(peer, files)));
    byId("peers-oddities").replaceChildren(
        ...peers.flatMap(odditiesOf).map((text) => make("li", {}, text)),
    );
}
