"""The store fails at any statement and at any commit: callers hear of it, memory is as the disk, the run goes on."""

from __future__ import annotations

import gc
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy.exc import OperationalError

from tests.engine.faults import Faults, faulty_store
from tests.engine.flow import Flow
from tests.engine.plan import chain, job
from tests.engine.runner import Runner
from tests.engine.stage import Stage
from torc_core.models.exchange import Attempt, ExchangeAnswer, Started
from torc_server import gradual
from torc_server.errors import Busy

T = TypeVar("T")

STEP = int(os.environ.get("TORC_FAULT_STEP", "9"))
"""Every so manieth statement is failed at; 1 tries all."""


@pytest.fixture
def faults(tmp_path: Path) -> Iterator[tuple[Stage, Faults]]:
    with faulty_store() as made, Stage(tmp_path) as stage:
        yield stage, made


class Story:
    """A workflow from its creation to its end, told by clients that repeat a call that failed."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.errors = 0

    def insist(self, work: Callable[[], T]) -> T:
        """Do it, once more when the store failed."""
        try:
            return work()
        except OperationalError:
            self.errors += 1
            return work()

    def send(self, runner: Runner, **fields: Any) -> ExchangeAnswer:
        """A runner's call; the same call again when it failed."""
        request = runner.request(**fields)
        return self.insist(lambda: runner.send(request))

    def ends(self, runner: Runner, **statuses: str) -> None:
        """Jobs of a runner end."""
        results = [runner.result(name, status) for name, status in statuses.items()]
        for name in statuses:
            del runner.held[name]
        self.send(runner, results=results, slots=4)

    def starts(self, runner: Runner, *names: str) -> None:
        told = [Started(runner.held[n].job_id, runner.held[n].attempt_id, 1, 1) for n in names]
        self.send(runner, started=told)

    def tell(self) -> dict[str, Any]:
        """Play it; returns how it ended."""
        stage, insist = self.stage, self.insist
        flow = insist(
            lambda: stage.flow(
                job("a"), job("b", "a"), job("c", "a"), job("d", "b c"), job("e"), job("f", "e", cancel=False),
                job("g", "e"), job("h", writes="x"), job("i", reads="x"), job("j"),
            )
        )  # fmt: skip
        one, two = insist(lambda: flow.runner(cpus=2)), insist(lambda: flow.runner(cpus=2))
        self.send(one, slots=2)
        self.send(two, slots=2)
        assert (sorted(one.held), sorted(two.held)) == (["a", "e"], ["h", "j"])
        self.starts(one, "a", "e")
        self.starts(two, "h")
        released = Attempt(two.held["j"].job_id, 1)
        del two.held["j"]
        self.send(two, released=[released])
        self.ends(one, a="completed", e="failed")
        insist(lambda: flow.cancel("c"))
        insist(lambda: flow.retry("e"))
        self.lose(flow, two)
        last = insist(lambda: flow.runner(cpus=8))
        for _ in range(3):
            held = [name for name in [*one.held, *last.held] if name != "c"]
            self.ends(one, **{name: "completed" for name in held if name in one.held})
            self.ends(last, **{name: "completed" for name in held if name in last.held})
        if "c" in one.held:
            self.ends(one, c="canceled")
        insist(lambda: flow.restart())
        self.send(last, slots=8)
        for _ in range(3):
            self.ends(last, **dict.fromkeys(last.held, "completed"))
        self.send(one, leaving=True)
        self.send(last, leaving=True)
        return self.outcome(flow)

    def lose(self, flow: Flow, runner: Runner) -> None:
        """A runner dies; the server notices, or tries again to."""
        stage = self.stage
        stage.runners.died(runner.node)
        for _ in range(3):
            self.insist(lambda: stage.pass_time(2))
        assert runner.node not in stage.runners.nodes.by_id
        assert flow.status("h") != "running"

    def outcome(self, flow: Flow) -> dict[str, Any]:
        flow.check()
        on_disk = self.stage.rows("SELECT id FROM compute_node WHERE is_active = 1")
        assert {row[0] for row in on_disk} == set(self.stage.runners.nodes.by_id)
        results = {name: flow.results(name) for name in flow.ids}
        return {"statuses": flow.statuses(), "counts": flow.kept_counts(), "results": results, "run": flow.run_id}


MODES = [(False, False), (True, False), (False, True), (True, True)]


@pytest.mark.parametrize(
    ("undone", "commits"), MODES, ids=["statement", "statement, undone", "commit", "commit, undone"]
)
def test_a_store_that_fails_once_changes_nothing_in_the_end(
    faults: tuple[Stage, Faults], undone: bool, commits: bool
) -> None:
    stage, store = faults
    store.arm(None, undone=undone, commits=commits)
    expected = Story(stage).tell()
    assert expected["statuses"] == dict.fromkeys("abcdefghij", "completed")
    total = store.count
    assert total > 20
    for nth in range(1, total, 1 if commits else STEP):
        story = Story(stage)
        store.arm(nth, undone=undone, commits=commits)
        assert (nth, story.tell()) == (nth, expected)
        assert store.failed


@pytest.mark.parametrize("undone", [False, True], ids=["refused", "undone"])
def test_long_work_that_has_begun_waits_for_the_store(
    faults: tuple[Stage, Faults], monkeypatch: pytest.MonkeyPatch, undone: bool
) -> None:
    stage, store = faults
    small_portions(monkeypatch)
    store.arm(None, undone=undone, commits=True)
    assert long_work(stage, Story(stage)) == {"ready": 1, "blocked": 6}
    for nth in range(1, store.count):
        store.arm(nth, undone=undone, commits=True)
        assert (nth, long_work(stage, Story(stage))) == (nth, {"ready": 1, "blocked": 6})
        assert store.failed


def test_long_work_that_has_begun_waits_while_the_queue_is_full(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    small_portions(monkeypatch)
    flow = stage.flow(*chain(7), initialize=False)
    put, calls = stage.db.writer._put, iter(range(1000))

    def full_at_times(item: Any) -> None:
        if next(calls) % 2:
            raise Busy("too many requests")
        put(item)

    monkeypatch.setattr(stage.db.writer, "_put", full_at_times)
    flow.initialize()
    assert flow.kept_counts() == {"ready": 1, "blocked": 6}
    assert stage.value("SELECT work FROM workflow WHERE id = ?", flow.id) is None


def long_work(stage: Stage, story: Story) -> dict[str, int]:
    """A workflow is initialised, reset and initialised again, in portions."""
    flow = story.insist(lambda: stage.flow(*chain(7), initialize=False))
    story.insist(flow.initialize)
    story.insist(flow.reset)
    story.insist(flow.restart)
    assert story.errors <= 1
    flow.check()
    assert stage.value("SELECT work FROM workflow WHERE id = ?", flow.id) is None
    return flow.kept_counts()


def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("gradual.SMALL", 3), ("portions.PORTION", 2), ("portions.AGAIN_S", 0.001)):
        monkeypatch.setattr(f"torc_server.{name}", value)


def test_long_work_that_has_begun_waits_while_the_database_cannot_be_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_portions(monkeypatch)
    flow = stage.flow(*chain(7), initialize=False)
    read, calls = stage.db.read, iter(range(1000))

    async def unreadable_at_times(work: Callable[..., Any], *args: Any) -> Any:
        begun = await read(lambda conn: conn.exec_driver_sql("SELECT count(work) FROM workflow").scalar_one())
        if begun and next(calls) % 2 == 0:
            raise OperationalError("SELECT", (), sqlite3.OperationalError("disk I/O error"))
        return await read(work, *args)

    monkeypatch.setattr(stage.db, "read", unreadable_at_times)
    flow.initialize()
    flow.reset()
    flow.restart()
    assert next(calls) > 10
    monkeypatch.undo()
    assert flow.kept_counts() == {"ready": 1, "blocked": 6}
    assert stage.value("SELECT work FROM workflow WHERE id = ?", flow.id) is None


@pytest.mark.parametrize("step", ["imply", "start", "take_back_uncounted", "cancel_range"])
def test_a_workflow_goes_on_after_long_work_that_failed_by_a_defect(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    small_portions(monkeypatch)
    flow = stage.flow(*chain(9))
    runner = flow.runner()
    for _ in range(3):
        (name,) = runner.takes()
        runner.ends(name)
    real, calls = getattr(gradual, step), iter(range(1000))

    def breaks_in_the_middle(*args: Any) -> Any:
        if next(calls) == 1:
            raise RuntimeError("a defect")
        return real(*args)

    monkeypatch.setattr(gradual, step, breaks_in_the_middle)

    def cancel() -> None:
        stage.run(stage.gradual.cancel(flow.id))

    acts: dict[str, Callable[[], object]] = {"cancel_range": cancel, "take_back_uncounted": flow.reset}
    act = acts.get(step, flow.restart)
    with pytest.raises(RuntimeError, match="a defect"):
        act()
    assert stage.value("SELECT work FROM workflow WHERE id = ?", flow.id) is None
    flow.check()
    if step == "cancel_range":
        act()
        assert flow.kept_counts() == {"completed": 3, "canceled": 6}
        return
    flow.reset()
    flow.restart()
    assert sorted(runner.runs_everything()) == sorted(flow.ids)
    flow.check()


def test_nothing_is_remembered_of_work_that_is_done(stage: Stage) -> None:
    flows = [stage.flow(job("a"), initialize=False) for _ in range(5)]
    for flow in flows:
        flow.initialize()
        flow.reset()
    gc.collect()
    assert len(stage.gradual._locks) == 0
