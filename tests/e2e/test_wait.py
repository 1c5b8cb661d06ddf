"""start --wait outlives a restart of refreshd, as by an upgrade or the watchdog."""

import signal
import subprocess

import pytest
from harness import REFRESHCTL, make_points, wait_for


def wait_in_background(refreshd):
    refreshd.stub(latency_ms=5)
    refreshd.configure(geocoder__rate=1000, gate__max_country_changed="100%")
    refreshd.load(make_points(4000)).start()
    waiting = subprocess.Popen([REFRESHCTL, "--config", refreshd.config, "start", "--wait"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: refreshd.status()["points"]["answered"] > 100, what="answers")
    return waiting


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_wait_goes_on_after_a_restart(refreshd, how):
    with wait_in_background(refreshd) as waiting:
        try:
            refreshd.kill(how)
            assert waiting.poll() is None
            refreshd.start()
            output, _ = waiting.communicate(timeout=60)
        finally:
            waiting.kill()
    assert waiting.returncode == 0, output
    assert "published" in output
    assert output.count("refreshing") == 1, output  # nobody looks on: a line a minute


def test_a_wait_without_a_daemon_can_be_ended(refreshd):
    with wait_in_background(refreshd) as waiting:
        try:
            refreshd.kill()
            waiting.send_signal(signal.SIGINT)
            assert waiting.wait(timeout=20) != 0
        finally:
            waiting.kill()
