import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import Refreshd  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitized: also run under ASan+UBSan and TSan")
    config.addinivalue_line("markers", "long(seconds): is begun before shorter ones")


def length(item):
    """In seconds, about; 0 for the many that are short. The fleet's mostly wait."""
    mark = item.get_closest_marker("long")
    return mark.args[0] if mark else 15 if item.path.name.startswith("test_fleet") else 0


def pytest_collection_modifyitems(items):
    """Each long one is followed by a short one, which is what a worker of xdist holds ready."""
    long = sorted((item for item in items if length(item) > 0), key=length, reverse=True)
    short = [item for item in items if length(item) == 0]
    pairs = [item for pair in zip(long, short) for item in pair]
    items[:] = pairs + long[len(short):] + short[len(long):]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Workers get test by test, so that none of them waits for the rest of another's."""
    from xdist.scheduler import LoadScheduling

    class OneByOne(LoadScheduling):
        def _send_tests(self, node, num):
            super()._send_tests(node, max(0, min(num, 2 - len(self.node2pending[node]))))

    return OneByOne(config, log)


@pytest.fixture
def refreshd():
    """A configured, not yet started refreshd."""
    with Refreshd() as daemon:
        yield daemon
