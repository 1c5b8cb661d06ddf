import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import Refreshd  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitized: also run under ASan+UBSan and TSan")


@pytest.fixture
def refreshd():
    """A configured, not yet started refreshd."""
    with Refreshd() as daemon:
        yield daemon
