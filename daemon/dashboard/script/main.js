/* The page: what is asked when, and who shows it. */

const STATUS_INTERVAL = 1000; /* milliseconds */
const HISTORY_INTERVAL = 10000;
const PEERS_INTERVAL = 2000;
const REPORT_INTERVAL = 10000;
const REPORT_AGAIN = 2000; /* after a failure */
const TILES_INTERVAL = 5000; /* at most so long between two looks in a run */
const TILES_RESTING = 60000; /* and without one: ages grow, the census ends */

function showConnection(link, text) {
    byId("connection").dataset.link = link;
    setText(byId("connection-text"), text);
}

/* makeTilesFeed: /api/tiles is large, so it is asked for only when it must have changed. */
function makeTilesFeed(onTiles) {
    let seen = "";
    let asked = -Infinity;
    let busy = false;
    let complete = false;

    async function look(status) {
        const now = performance.now();
        const key = `${status.generation} ${status.tiles.rebuilt} ${status.run} ${status.state}`;
        const resting = status.run === null && complete;
        if (busy || (key === seen && now - asked < (resting ? TILES_RESTING : TILES_INTERVAL)))
            return;
        busy = true;
        asked = now;
        try {
            const world = await fetchJson("/api/tiles");
            seen = key;
            complete = world.complete && world.generation === status.generation;
            onTiles(world);
        } catch {
            /* status is polled faster and says that the daemon is away */
        } finally {
            busy = false;
        }
    }
    return { look };
}

/* makeGenerationsFeed: asked for when the generation is another one. */
function makeGenerationsFeed() {
    let seen = null;
    return {
        async look(status) {
            if (status.generation === seen) return;
            seen = status.generation;
            try {
                showGenerations(await fetchJson("/api/generations"));
            } catch {
                seen = null;
            }
        },
    };
}

/* makePeersFeed: a server alone is never asked for peers. */
function makePeersFeed() {
    let asked = -Infinity;
    return {
        async look(status) {
            show(byId("peers-card"), status.fleet !== undefined);
            if (status.fleet === undefined || performance.now() - asked < PEERS_INTERVAL) return;
            asked = performance.now();
            try {
                showPeers(status.fleet, await fetchJson("/api/peers"));
            } catch {
                /* status is polled faster and says that the daemon is away */
            }
        },
    };
}

function start() {
    let colour = remembered("colour") === "progress" ? "progress" : "age";
    const map = makeMap({
        look: (lat, lon) => place.lookAt(lat, lon),
        point: (id) => place.point(id),
    });
    const place = makePlace(map);
    const throughput = makeThroughput();
    const generations = makeGenerationsFeed();
    const peers = makePeersFeed();
    const report = makeReportFeed();

    function showTiles(world) {
        map.update(world, colour);
        showLegend(world, colour);
        place.showTile();
    }
    const tiles = makeTilesFeed(showTiles);

    for (const input of document.querySelectorAll("input[name=colour]")) {
        input.checked = input.value === colour;
        input.addEventListener("change", () => {
            colour = input.value;
            remember("colour", colour);
            map.colour(colour);
            if (map.world() !== null) showLegend(map.world(), colour);
        });
    }

    function onStatus(status) {
        showConnection("live", "Live");
        showRun(status);
        showStations(status);
        showFailures(status);
        showLearned(status);
        showLastRun(status);
        throughput.status(status);
        tiles.look(status);
        generations.look(status);
        peers.look(status);
        report.look(status);
    }

    startTheme();
    poll("/api/status", STATUS_INTERVAL, onStatus, () =>
        showConnection("lost", "Connection lost, trying again"),
    );
    poll("/api/history", HISTORY_INTERVAL, throughput.history, () => {});
}

start();
