"""What those who listen to a workflow are told beyond what torc's recording shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.plan import job
from tests.engine.stage import Stage
from torc_server import broadcast
from torc_server.broadcast import Broadcast, Listener
from torc_server.store.batch import LiveEvent


class Ears:
    """A listener of a flow on a stage."""

    def __init__(self, stage: Stage, workflow_id: int) -> None:
        self.stage = stage
        self.told: list[LiveEvent] = []
        stage.db.writer.listened.add(workflow_id)
        stage.db.writer.told = self.told.extend

    def heard(self) -> list[tuple[str, Any]]:
        """(type, job or host) of each event so far."""
        self.stage.settle()
        return [(e.event_type, e.data.get("job_name", e.data.get("hostname"))) for e in self.told]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path) as made:
        yield made


def test_a_short_job_is_told_as_started_before_its_end(stage: Stage) -> None:
    flow = stage.flow(job("long"), job("short"), job("below", "short"))
    runner = flow.runner(cpus=2)
    ears = Ears(stage, flow.id)
    runner.takes(slots=2)
    runner.starts("long")
    runner.ends("long", "short", status="failed")
    assert ears.heard() == [
        ("job_started", "long"),
        ("job_started", "short"),
        ("job_failed", "long"),
        ("job_failed", "short"),
    ]
    started = ears.told[1].data
    assert (started["compute_node_id"], started["run_id"]) == (runner.node, 1)


def test_a_runner_that_leaves_or_is_lost_is_told(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    leaving, dying = flow.runner(), flow.runner()
    ears = Ears(stage, flow.id)
    leaving.leaves()
    dying.dies()
    assert [kind for kind, _ in ears.heard()] == ["compute_node_stopped"] * 2


def test_nothing_is_gathered_when_nobody_listens(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    told: list[Any] = []
    stage.db.writer.told = told.append
    flow.runner().runs_everything()
    assert told == []


def test_a_listener_that_is_slow_is_told_how_much_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "MOST", 2)

    async def listen() -> list[bytes]:
        listener = Listener(1, "info")
        for i in range(5):
            listener.put(b"%d" % i)
        listener.close()
        return [frame async for frame in listener.frames()]

    assert asyncio.run(listen()) == [b"01", b'event: warning\ndata: {"dropped":3}\n\n']


def test_a_quiet_stream_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "KEEP_ALIVE_S", 0.01)

    async def listen() -> bytes:
        frames: AsyncIterator[bytes] = Listener(1, "info").frames()
        return await anext(frames)

    assert asyncio.run(listen()) == b": keep-alive\n\n"


def test_the_last_listener_to_leave_ends_the_listening(stage: Stage) -> None:
    hub = Broadcast(stage.db.writer)
    first, second = hub.open(7, "info"), hub.open(7, "error")
    hub.leave(first)
    assert stage.db.writer.listened == {7}
    hub.leave(second)
    assert stage.db.writer.listened == set()
