"""Which moves of a job's status the engine makes, and which it refuses."""

from __future__ import annotations

import pytest

from tests.engine.plan import job
from tests.engine.stage import Stage
from torc_core.models.status import JobStatus
from torc_server.engine.transition import force_status, set_status
from torc_server.store.batch import Batch

MOVES = {
    "uninitialized": "blocked ready canceled disabled",
    "blocked": "uninitialized ready canceled disabled",
    "ready": "uninitialized blocked pending canceled disabled",
    "pending": "ready running completed failed canceled terminated pending_failed",
    "running": "ready completed failed canceled terminated pending_failed",
    "completed": "uninitialized ready",
    "failed": "uninitialized blocked ready",
    "canceled": "uninitialized blocked ready",
    "terminated": "uninitialized blocked ready",
    "disabled": "uninitialized blocked ready",
    "pending_failed": "uninitialized ready failed canceled",
}


class NotKeptError(Exception):
    """What was tried is not to stay: a job cannot really have gone these ways."""


def test_the_engine_makes_the_moves_of_the_table_and_refuses_every_other(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    tried: dict[str, list[str]] = {}

    def now(batch: Batch) -> JobStatus:
        return JobStatus(batch.run("SELECT status FROM job WHERE id = ?", flow.ids["a"]).scalar_one())

    def moves(batch: Batch, old: JobStatus, new: JobStatus) -> bool:
        if now(batch) != old:
            force_status(batch, (flow.ids["a"], flow.id, now(batch)), old)
        try:
            set_status(batch, [(flow.ids["a"], flow.id, old)], new)
        except ValueError:
            assert now(batch) == old
            return False
        assert now(batch) == new
        return True

    def every_move(batch: Batch) -> None:
        for old in JobStatus:
            tried[old.label] = [new.label for new in JobStatus if moves(batch, old, new)]
        raise NotKeptError

    with pytest.raises(NotKeptError):
        stage.write(every_move)
    assert tried == {old: allowed.split() for old, allowed in MOVES.items()}
