"""Fixtures that several packages use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from server_process import ServerProcess


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server without authentication for all tests that make their own workflows."""
    with ServerProcess(tmp_path_factory.mktemp("server")) as server:
        yield server
