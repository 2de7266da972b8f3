"""A server killed anywhere in the middle of long work: after its next start all of it is done, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.midway import Midway
from tests.server_process import ServerProcess

JOBS = 5_000

WORK = [Midway.create, Midway.initialize_new, Midway.initialize, Midway.reset, Midway.delete]


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_work_that_a_dying_server_has_begun_is_done_whole_or_not_at_all(
    tmp_path: Path, work: Callable[[Midway, float], None]
) -> None:
    with ServerProcess(tmp_path) as server:
        work(Midway(server, JOBS), 0.3)
