"""A user of the `torc` command, with one server for all tests or with their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.torc_command import Torc
from tests.server_process import ServerProcess
from torc_core import local_server
from torc_core.errors import TorcError
from torc_server.maintenance import check_file


@pytest.fixture
def user_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with no files of torc's, in a folder of their own."""
    for name in list(os.environ):
        if name.startswith("TORC_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("USER", "tester")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def torc(
    user_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shared_server: ServerProcess,
) -> Torc:
    """`torc` talking to the shared server."""
    monkeypatch.setenv("TORC_API_URL", shared_server.url)
    return Torc(capsys, user_home)


@pytest.fixture
def own_torc(user_home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Torc]:
    """`torc` with nothing set up: it starts the user's own server, which is stopped at the end."""
    yield Torc(capsys, user_home)
    local_server.stop()
    for lock in user_home.parent.rglob("torc.db.lock"):
        with suppress(TorcError):  # a file that a test made unreadable
            assert check_file(lock.with_suffix("")) == []
