"""The change log as a stream, and the watch over runners' processes."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.engine.flow import Flow
from tests.engine.plan import job
from tests.engine.stage import Stage
from torc_core.host import process_space
from torc_server import changes
from torc_server.changes import Changes, prune
from torc_server.deaths import Deaths

DAY_MS = 86_400_000


@pytest.fixture
def log(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Changes:
    monkeypatch.setattr(changes, "COALESCE_S", 0.0)
    made = Changes(stage.db)

    async def attach() -> None:
        made.attach()

    stage.run(attach())
    return made


async def read(frames: AsyncIterator[bytes], n: int) -> list[bytes]:
    """The next `n` pieces of a stream."""
    return [await anext(frames) for _ in range(n)]


def ids(frames: bytes) -> list[int]:
    return [int(line[4:]) for line in frames.split(b"\n") if line.startswith(b"id: ")]


def ages(stage: Stage, days: float) -> None:
    """Everything in the log becomes older."""
    stage.write(lambda batch: batch.run("UPDATE change SET ms = ms - ?", int(days * DAY_MS)))


def test_that_a_canceled_job_has_ended_is_told_though_its_status_stays(stage: Stage, log: Changes) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    runner.takes()
    runner.starts("a")
    flow.cancel("a")

    async def listen() -> bytes:
        frames = log.stream(flow.id, None)
        assert await anext(frames) == b": torc\n\n"
        coming = asyncio.ensure_future(anext(frames))
        await runner.exchange(runner.request(results=[runner.result("a", status="terminated")]))
        return await coming

    assert b"event: result\n" in stage.run(listen())


def test_a_stream_sends_what_is_committed_from_now_on(stage: Stage, log: Changes) -> None:
    flow = stage.flow(job("a"))

    async def listen() -> bytes:
        frames = log.stream(flow.id, None)
        assert await anext(frames) == b": torc\n\n"
        coming = asyncio.ensure_future(anext(frames))
        await stage.db.write(lambda batch: batch.log(flow.id, "workflow", colour="blue"))
        return await coming

    said = stage.run(listen())
    assert b"event: workflow\n" in said
    assert f'data: {{"workflow_id":{flow.id},"ms":'.encode() in said
    assert b'"colour":"blue"}\n\n' in said


def test_a_stream_resumes_without_a_gap(stage: Stage, log: Changes) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    flow.runner().runs_everything()
    everything = [row[0] for row in stage.rows("SELECT id FROM change ORDER BY id")]
    for after in (0, everything[0], everything[2]):
        _, said = stage.run(read(log.stream(None, after), 2))
        assert ids(said) == [each for each in everything if each > after]


def test_a_stream_of_one_workflow_has_only_its_changes(stage: Stage, log: Changes) -> None:
    one, two = stage.flow(job("a")), stage.flow(job("b"))
    _, said = stage.run(read(log.stream(two.id, 0), 2))
    assert f'"workflow_id":{two.id},'.encode() in said
    assert f'"workflow_id":{one.id},'.encode() not in said


@pytest.mark.parametrize("after", ["before the oldest", "after the newest"])
def test_resuming_where_nothing_is_known_begins_with_a_reset(stage: Stage, log: Changes, after: str) -> None:
    flow = stage.flow(job("a"), job("b"))
    ages(stage, 15)
    assert stage.write(prune) is False
    flow.cancel("a")
    newest = stage.value("SELECT max(id) FROM change")
    place = 1 if after == "before the oldest" else newest + 5
    assert stage.run(read(log.stream(None, place), 2))[1] == b"event: reset\ndata: {}\n\n"


def test_old_changes_are_forgotten_a_portion_at_a_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PRUNED_AT_ONCE", 3)
    flow = stage.flow(job("a"))
    for i in range(5):
        stage.write(lambda batch, i=i: batch.log(flow.id, "note", n=i))
    ages(stage, 14.1)
    stage.write(lambda batch: batch.log(flow.id, "note", n=9))
    turns = 1
    while stage.write(prune):
        turns += 1
    assert turns > 1
    assert stage.rows("SELECT data FROM change") == [('{"n":9}',)]


def test_closing_ends_every_stream(stage: Stage, log: Changes) -> None:
    async def listen() -> list[bytes]:
        frames = log.stream(None, None)
        said = [await anext(frames)]
        rest = asyncio.ensure_future(read(frames, 1))
        await asyncio.sleep(0)
        log.close()
        with contextlib.suppress(StopAsyncIteration, RuntimeError):
            said += await rest
        return said

    assert stage.run(listen()) == [b": torc\n\n"]
    assert log.streams == 0


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is told to end."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_the_death_of_a_watched_process_ends_its_lease(stage: Stage, sleeper: subprocess.Popen[bytes]) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    runner.takes()

    async def watch_it_die() -> None:
        dead = asyncio.Event()

        def died(node: int) -> None:
            stage.runners.died(node)
            dead.set()

        deaths = Deaths(died)
        deaths.watch(runner.node, sleeper.pid, process_space())
        deaths.watch(runner.node, sleeper.pid, process_space())
        assert not dead.is_set()
        sleeper.kill()
        await dead.wait()
        deaths.close()

    stage.run(watch_it_die())
    stage.until(lambda: flow.status("a") == "ready")
    assert flow.attempt("a") == 2


def test_a_process_that_is_gone_already_is_dead_and_one_elsewhere_is_not_watched(stage: Stage) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    told: list[int] = []

    async def watch() -> None:
        deaths = Deaths(told.append)
        deaths.watch(1, gone.pid, "another host")
        deaths.watch(2, gone.pid, None)
        deaths.watch(3, gone.pid, process_space())
        deaths.close()

    stage.run(watch())
    assert told == [3]


def test_a_restarted_server_goes_on_with_the_log(tmp_path: Path) -> None:
    with Stage(tmp_path) as before:
        flow = before.flow(job("a"))
        last = before.value("SELECT max(id) FROM change")
    with Stage(tmp_path) as after:
        Flow(after, flow.id).cancel()
        _, said = after.run(read(Changes(after.db).stream(flow.id, last), 2))
        assert b'"status":"canceled"' in said
