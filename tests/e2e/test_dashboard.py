"""The dashboard in a real Chromium: what it shows is what the daemon says, through runs, restarts
and on small screens, without an error, a violation of its policy or a word to another host.
Screenshots of it are left in BUILD/dashboard-test."""

import gzip
import json
import re
import urllib.error
import urllib.request

import pytest

from browser import Browser, chromium
from harness import degrees, free_port, make_points, wait_for

pytestmark = pytest.mark.skipif(chromium() is None, reason="THERE IS NO CHROMIUM: NOT TESTED")

POINTS = make_points(12_000, clusters=150)
OLD = 1_600_000_000


@pytest.fixture(scope="module")
def browser():
    with Browser() as one:
        yield one


@pytest.fixture
def daemon(refreshd):
    """Serving a cache of old entries; lookups reach far, so that a click on the map hits."""
    refreshd.port = free_port()
    refreshd.url = f"http://127.0.0.1:{refreshd.port}/"
    refreshd.stub(latency_ms=5, version=2, empty=50, fail=100)
    refreshd.configure(http__listen=f"127.0.0.1:{refreshd.port}", lookup__radius="20000km",
                       refresh__point_files=256, refresh__workers=2,
                       gate__max_country_changed="100%")
    return refreshd.load(POINTS, refreshed_at=OLD).start()


def get(daemon, path, **headers):
    request = urllib.request.Request(daemon.url + path.lstrip("/"), headers=headers)
    with urllib.request.urlopen(request, timeout=20) as reply:
        return reply.status, reply.headers, reply.read()


def document(daemon, path):
    return json.loads(get(daemon, path)[2])


def tiles(daemon):
    """The rows of /api/tiles by id, when all have been counted."""
    world = wait_for(lambda: (lambda w: w if w["complete"] else None)(document(daemon, "/api/tiles")))
    return {row[0]: dict(zip(world["columns"], row)) for row in world["tiles"]}


def open_page(browser, daemon, **options):
    """The page with its tiles coloured."""
    browser.open(daemon.url, **options)
    browser.wait_text("#connection", "Live")
    wait_for(lambda: browser.count("[data-tile][data-fill]") > 0, what="coloured tiles")


def at_ease(browser):
    assert browser.problems() == {}


def percent(browser):
    match = re.match(r"([\d.]+)%", browser.text("#headline"))
    return float(match[1]) if match else None


def fills(browser):
    """How many tiles have each colour."""
    names = browser.evaluate("[...document.querySelectorAll('[data-tile]')]"
                             ".map((tile) => tile.dataset.fill ?? 'empty')")
    return {name: names.count(name) for name in set(names)}


def background(browser):
    return browser.evaluate("getComputedStyle(document.body).backgroundColor")


def overflow(browser):
    return browser.evaluate("document.documentElement.scrollWidth - innerWidth")


def test_one_element_for_each_tile(browser, daemon):
    rows = tiles(daemon)
    open_page(browser, daemon)
    ids = browser.evaluate("[...document.querySelectorAll('[data-tile]')].map((t) => t.dataset.tile)")
    assert sorted(map(int, ids)) == list(range(576)) == sorted(rows)
    filled = sum(row["entries"] > 0 for row in rows.values())
    assert sum(row["entries"] for row in rows.values()) == len(POINTS)
    assert fills(browser) == {"age-7": filled, "empty": 576 - filled}
    assert f"{len(POINTS):,} entries" in browser.wait_text("#cache-line", "Generation 1")
    browser.screenshot("light")
    at_ease(browser)


def test_a_tile_gives_its_figures(browser, daemon):
    rows = tiles(daemon)
    open_page(browser, daemon)
    row = max(rows.values(), key=lambda r: r["entries"])
    assert browser.pairs("#tile-figures")["Entries"] == f"{len(POINTS):,}"  # all of them
    def figures():
        """Point at it again: what is still loading may have moved the map under the pointer."""
        browser.do("hover", f"[data-tile='{row['id']}']")
        if browser.text("#tile-title") != f"Tile {row['id']}":
            return None
        return browser.pairs("#tile-figures")
    pairs = wait_for(lambda: (lambda p: p if p and "Found" in p else None)(figures()),
                     what="the figures of the tile")
    assert pairs["Entries"] == pairs["Found"] == f"{row['entries']:,}"
    assert pairs["Oldest"].endswith("13 Sept 2020") and pairs["Built by"] == "generation 1"
    browser.do("click", f"[data-tile='{row['id']}']")
    browser.do("hover", "footer")
    assert browser.text("#tile-title") == f"Tile {row['id']}"  # it was clicked, so it stays
    browser.wait_text("#answer", "away")
    at_ease(browser)


def test_the_keyboard_goes_from_tile_to_tile(browser, daemon):
    open_page(browser, daemon)
    browser.do("focus", "#zoom-out")
    browser.do("focus", "[data-tile][tabindex='0']")
    first = browser.evaluate("Number(document.activeElement.dataset.tile)")
    for key, step in (("ArrowUp", 24), ("ArrowRight", 1), ("ArrowDown", -24), ("ArrowLeft", -1)):
        before = browser.evaluate("Number(document.activeElement.dataset.tile)")
        browser.do("press", key)
        assert browser.evaluate("Number(document.activeElement.dataset.tile)") == before + step
    browser.do("press", "Enter")
    browser.wait_text("#answer", "away")
    assert browser.text("#tile-title") == f"Tile {first}"
    assert float(browser.evaluate("document.querySelector('#lat').value")) == pytest.approx(
        -90 + (first // 24 + 0.5) * 7.5)
    at_ease(browser)


def test_a_lookup_says_what_reverse_says(browser, daemon):
    open_page(browser, daemon)
    lat, lon = (degrees(value) for value in POINTS[5000])
    browser.do("fill", "#lat", lat)
    browser.do("fill", "#lon", lon)
    browser.do("click", "#lookup button")
    place = document(daemon, f"/reverse?format=jsonv2&lat={lat}&lon={lon}")
    answer = browser.wait_text("#answer", place["display_name"])
    assert "0.0 m away" in answer and re.search(r"refreshed \d+ years ago", answer)
    assert browser.evaluate("document.querySelector('#mark').hasAttribute('hidden')") is False
    browser.do("click", "#map", {"position": {"x": 300, "y": 150}})
    browser.wait_text("#answer", "km away")
    lat, lon = (browser.evaluate(f"document.querySelector('#{name}').value") for name in ("lat", "lon"))
    box = browser.evaluate("document.querySelector('#map').getBoundingClientRect().toJSON()")
    assert float(lon) == pytest.approx(300 / box["width"] * 360 - 180, abs=1)
    assert float(lat) == pytest.approx(90 - 150 / box["height"] * 180, abs=1)
    place = document(daemon, f"/reverse?format=jsonv2&lat={lat}&lon={lon}")
    assert place["display_name"] in browser.text("#answer")
    assert f"{place['distance_m'] / 1000:,.1f}"[:3] in browser.text("#answer")
    browser.do("fill", "#lat", "91")
    browser.do("click", "#lookup button")
    browser.wait_text("#answer", "from -90 to 90")
    at_ease(browser)


def test_a_miss_is_told(browser, daemon):
    daemon.kill()
    daemon.configure(lookup__radius="100m")
    daemon.start()
    open_page(browser, daemon)
    browser.do("click", "#map", {"position": {"x": 2, "y": 2}})
    browser.wait_text("#answer", "No address near here")
    at_ease(browser)


@pytest.mark.long(15)
def test_a_run_is_followed_to_its_end(browser, daemon):
    open_page(browser, daemon)
    browser.do("click", "input[value=progress] + span")
    run = daemon.json("start", "--rate", 250)["run"]  # there is time to look, however slow the browser is
    browser.wait_text("#state", "Refreshing")
    assert browser.text("#run-id") == run
    seen = [wait_for(lambda: percent(browser), what="progress")]
    for _ in range(3):
        seen.append(wait_for(lambda: (lambda p: p if p and p > seen[-1] else None)(percent(browser)),
                             what="more progress"))
    colours = wait_for(lambda: (lambda f: f if f.get("rebuilt", 0) > 9 and f.get("waiting") else None)(
        fills(browser)), what="tiles rebuilt and waiting")
    assert "idle" not in colours  # every tile is in the run
    stations = ("snapshot", "geocode", "write", "rebuild", "publish")
    wait_for(lambda: "bottleneck" in [browser.text(f"[data-station={name}] .tag") for name in stations],
             what="the bottleneck to be named")
    assert browser.evaluate("document.querySelector('[data-station=geocode] .meter span').style.width")
    assert 0 < float(browser.text("#rate").replace(",", "")) < 400
    browser.wait_text("#failures", "Request makes no sense")
    browser.screenshot("run")
    daemon.ctl("set", "rate=0")
    browser.wait_text("#headline", "Last run published", seconds=60)
    browser.wait_text("#generations tr:first-child", "current")
    last = daemon.status()["last_run"]
    assert browser.pairs("#last-figures")["Failed"] == f"{last['points']['failed']:,}"
    assert browser.text("[data-cause=bad_request] .value") == f"{last['failures']['bad_request']:,}"
    browser.do("click", "input[value=age] + span")
    wait_for(lambda: fills(browser).get("age-7", 0) < 10, what="tiles of a new age")
    assert sum(fills(browser).values()) == 576
    at_ease(browser)


def test_what_needs_a_person_is_told(browser, daemon):
    daemon.kill()
    daemon.configure(gate__max_country_changed="2%")
    daemon.start()
    open_page(browser, daemon)
    assert browser.text("#notice") == ""
    daemon.ctl("start", "--rate", 300)
    browser.wait_text("#state", "Refreshing")
    daemon.ctl("pause")
    browser.wait_text("#state", "Paused")
    assert daemon.status()["reason"] in browser.text("#notice")
    daemon.ctl("set", "rate=0")
    daemon.ctl("resume")
    browser.wait_text("#state", "Held at the gate", seconds=60)
    assert daemon.status()["reason"] in browser.text("#notice")
    browser.screenshot("held")
    daemon.ctl("cancel")
    browser.wait_text("#state", "Idle")
    assert browser.text("#notice") == ""
    at_ease(browser)


def test_a_geocoder_that_is_down_is_told(browser, daemon):
    daemon.kill()
    daemon.configure(geocoder__provider="nominatim", geocoder__url=f"http://127.0.0.1:{free_port()}")
    daemon.start()
    open_page(browser, daemon)
    daemon.ctl("start")
    browser.wait_text("#notice", "the geocoder can't be reached")
    assert browser.text("#state") == "Refreshing" and browser.text("#eta") == "–"
    assert browser.wait_text("#notice", "Waiting:")
    daemon.ctl("cancel")
    at_ease(browser)


def test_it_recovers_when_the_daemon_does(browser, daemon):
    open_page(browser, daemon)
    before = browser.evaluate("window.stays = 'here'")
    daemon.kill()
    browser.wait_text("#connection", "Connection lost")
    browser.screenshot("lost")
    daemon.start()
    browser.wait_text("#connection", "Live", seconds=20)
    daemon.ctl("start", "--rate", 300)
    browser.wait_text("#state", "Refreshing")
    assert browser.evaluate("window.stays") == before  # without loading the page again
    problems = browser.problems()
    refused = problems.pop("console", [])
    assert problems == {} and all("net::ERR_" in text for text in refused), (problems, refused)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_no_sideways_scroll(browser, daemon, scheme):
    open_page(browser, daemon, width=360, height=740, scheme=scheme, touch=True)
    assert overflow(browser) <= 0
    browser.do("tap", "#zoom-in")
    browser.do("tap", "[data-tile='300']")
    browser.wait_text("#answer", "away")
    assert overflow(browser) <= 0 and browser.text("#tile-title").startswith("Tile ")
    browser.screenshot(f"phone-{scheme}")
    at_ease(browser)


def test_light_and_dark(browser, daemon):
    open_page(browser, daemon, scheme="dark")
    dark = background(browser)
    browser.screenshot("dark")
    browser.do("click", "#theme")
    light = background(browser)
    assert dark != light
    browser.do("reload")
    assert background(browser) == light  # the choice stays
    open_page(browser, daemon, scheme="light", width=2560, height=1440)
    assert background(browser) == light and overflow(browser) <= 0
    browser.screenshot("wall")
    at_ease(browser)


@pytest.mark.parametrize("scheme, width", [("light", 1440), ("dark", 360)])
def test_it_is_accessible(browser, daemon, scheme, width):
    """Names, roles, contrast and what else axe-core knows of WCAG."""
    daemon.ctl("start", "--rate", 500)
    open_page(browser, daemon, scheme=scheme, width=width)
    browser.wait_text("#failures", "Request makes no sense")
    browser.do("click", "#map", {"position": {"x": 100, "y": 80}})
    browser.wait_text("#answer", "away")
    daemon.ctl("pause")
    browser.wait_text("#notice", "Paused")
    assert browser.do("accessibility") == []


def peer(name, **more):
    return {"name": name, "advertise": f"{name}.example:8577", "live": True, "self": False,
            "member": True, "generation": 7, "digest": "0123456789abcdef" * 2,
            "point_files_done": 64, "point_files_held": 128, "lag_s": 1.2,
            "last_seen": 1_700_000_000, "clock_ahead_s": 0.01, "state": "refreshing",
            "differs": None, **more}


FLEET = {"run": "20261121T020000Z-1f3a", "phase": "refreshing", "detail": None, "members": 3,
         "ready": 0, "live": 2, "switch_at": None, "digest": "0123456789abcdef" * 2,
         "current": True, "paused": False, "shares": 256, "shares_done": 150, "fetched": 64,
         "bytes_fetched": 1, "bytes_served": 2, "rate_share": 0.5}
PEERS = [peer("blue", self=True, lag_s=0),
         peer("green", clock_ahead_s=-30, differs="max_failed 1%, the run's is 5%"),
         peer("red", live=False, lag_s=7200, state=None, digest=None, point_files_done=0)]


@pytest.mark.parametrize("scheme, width", [("light", 1440), ("dark", 360)])
def test_the_peers_of_a_fleet(browser, daemon, scheme, width):
    status = {**daemon.status(), "fleet": FLEET}
    fakes = {"/api/status": status, "/api/peers": {"point_files": 256, "peers": PEERS}}
    browser.open(daemon.url, scheme=scheme, width=width, fakes=fakes)
    assert "2 live" in browser.wait_text("#peers-aside", "refreshing")
    rows = browser.evaluate("[...document.querySelectorAll('#peers tr')].map("
                            "(row) => [...row.children].map((cell) => cell.innerText))")
    assert [row[0].split()[0].removesuffix("member") for row in rows] == ["blue", "green", "red"]
    assert [row[2] for row in rows] == ["25.0%", "25.0%", "0.0%"]
    assert [row[3] for row in rows] == ["50.0%"] * 3
    assert [row[4] for row in rows] == ["this server", "live", "2 hours ago"]
    if width > 1000:
        assert [row[5] for row in rows] == ["01234567", "01234567", "–"]
    odd = browser.text("#peers-oddities").splitlines()
    assert odd == ["green differs: max_failed 1%, the run's is 5%",
                   "The clock of green is 30 s behind ours"]
    assert browser.text("#notice") == "" and overflow(browser) <= 0
    assert browser.do("accessibility") == []
    browser.screenshot(f"peers-{scheme}")
    at_ease(browser)


@pytest.mark.parametrize("changed, notice", [
    ({"phase": "unreachable", "detail": "no answer for 12 s"}, "etcd can't be reached: no answer for 12 s"),
    ({"phase": "left_out", "detail": "its digest differs"}, "Left out of the fleet's run: its digest differs"),
    ({"phase": "idle", "current": False, "detail": None}, "Not the fleet's generation")])
def test_a_peer_that_does_not_do_as_the_others(browser, daemon, changed, notice):
    status = {**daemon.status(), "fleet": {**FLEET, **changed}}
    browser.open(daemon.url, fakes={"/api/status": status,
                                    "/api/peers": {"point_files": 0, "peers": PEERS}})
    assert browser.wait_text("#notice", notice[:20]) == notice
    browser.wait_text("#peers-aside", "2 live")
    assert browser.text("[data-peer=blue] .number") == "–"  # no run, so nobody has a share of it
    at_ease(browser)


def test_alone_there_are_no_peers(browser, daemon):
    open_page(browser, daemon)
    browser.wait_text("#generations", "1")
    assert browser.text("#peers-card") == ""
    assert not browser.evaluate("performance.getEntriesByType('resource')"
                                ".some((entry) => entry.name.includes('/api/peers'))")
    at_ease(browser)


@pytest.mark.parametrize("rows, columns", [(24, 24), (6, 12)])
def test_without_a_cache(browser, refreshd, rows, columns):
    port = free_port()
    refreshd.configure(http__listen=f"127.0.0.1:{port}", cache__grid=f"{rows}x{columns}")
    refreshd.start()
    browser.open(f"http://127.0.0.1:{port}/")
    browser.wait_text("#headline", "No run yet")
    browser.wait_text("#generations", "cache import")
    wait_for(lambda: browser.count("[data-tile]") == rows * columns, what="tiles")
    assert fills(browser) == {"empty": rows * columns}
    north_east = f"document.querySelector('[data-tile=\"{rows * columns - 1}\"]').getBBox()"
    assert browser.evaluate(f"{north_east}.y") == 0
    assert browser.evaluate(f"{north_east}.x") == pytest.approx(3600 * (1 - 1 / columns))
    at_ease(browser)


def test_the_page_is_one_resource_with_a_strict_policy(daemon):
    status, headers, plain = get(daemon, "/")
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self'"
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", policy["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", policy["style-src"])
    text = plain.decode()
    assert not re.search(r"(src|href)=\"(https?:)?//", text) and "@import" not in text
    assert not re.search(r"<[^>]* on\w+=", text) and "eval(" not in text
    status, zipped, small = get(daemon, "/", **{"Accept-Encoding": "gzip"})
    assert zipped["Content-Encoding"] == "gzip" and gzip.decompress(small) == plain
    assert len(small) < 40_000
    with pytest.raises(urllib.error.HTTPError) as unchanged:
        get(daemon, "/", **{"If-None-Match": headers["ETag"]})
    assert unchanged.value.code == 304


def test_the_documents_are_those_of_the_command(daemon):
    for path in ("/api/status", "/api/tiles", "/api/history", "/api/generations"):
        status, headers, body = get(daemon, path)
        assert status == 200 and headers["Cache-Control"] == "no-store", path
        assert headers["Content-Type"] == "application/json; charset=utf-8", path
    status = daemon.status()
    assert document(daemon, "/api/status") == status
    assert document(daemon, "/api/generations")["generations"] == daemon.json("cache", "generations")
