"""Fixtures that several packages use."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.server_process import ServerProcess

pytest.register_assert_rewrite("tests.chaos.world")  # before its conftest imports it: the world asserts, too

settings.register_profile("torc", deadline=None)  # a busy machine is no mistake
settings.load_profile("torc")

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes of torc are started: each would compile it anew

MEMORY = Path("/dev/shm")
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30:
    # tests kill processes, they cut no power: what waits for a disk at each commit shows nothing more
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:  # started in the background: what tests start would ignore it, too
        signal.signal(number, handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of tests/chaos, known wherever pytest is started."""
    parser.addoption("--chaos-rounds", type=int, default=40, metavar="N", help="play the seeds 1 to N (40)")
    parser.addoption("--chaos-seed", type=int, metavar="N", help="play only this seed")


LONGEST = ("test_storm.py", "test_every_action.py", "test_terminal.py", "test_own_server.py", "test_two_runners.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: no worker is to be left with one when the others are done."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server without authentication for all tests that make their own workflows."""
    with ServerProcess(tmp_path_factory.mktemp("server")) as server:
        yield server
