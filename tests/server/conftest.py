"""What the tests of the server's API share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop


@pytest.fixture
def shop(shared_server: ServerProcess) -> Iterator[Workshop]:
    """Makes workflows on the shared server, and brings their jobs to an end as a runner would."""
    with shared_server.client() as http:
        yield Workshop(http)
