"""Many runners in one batch: the trouble of one, or of one workflow, is nobody else's, and no batch is endless."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from tests.engine.flow import Flow
from tests.engine.plan import job, need
from tests.engine.runner import Runner
from tests.engine.stage import Stage
from torc_core.models.exchange import ExchangeAnswer, ExchangeRequest, FreeResources
from torc_server.store import writer
from torc_server.store.batch import Batch

POISON = 99
"""A return code that this test's database does not take."""


@pytest.fixture
def picky(stage: Stage) -> Stage:
    """A store with a constraint that only the report of one runner breaks."""
    stage.write(
        lambda batch: batch.run(
            f"CREATE TRIGGER picky BEFORE INSERT ON result WHEN NEW.return_code = {POISON}"
            " BEGIN SELECT raise(ABORT, 'not this one'); END"
        )
    )
    return stage


def together(stage: Stage, *calls: tuple[Runner, ExchangeRequest]) -> list[Any]:
    """Have these calls taken as one batch; what each was answered or raised."""

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(r.exchange(request) for r, request in calls), return_exceptions=True)

    return stage.in_one_batch(all_of_them)


def test_a_report_that_cannot_be_stored_is_refused_alone(picky: Stage) -> None:
    flow = picky.flow(job("a"), job("b"), job("c"), job("d", "a c"))
    runners = [flow.runner() for _ in range(3)]
    for each in runners:
        each.takes()
    good, bad, leaves = runners
    requests = [
        good.request(results=[good.result("a")], slots=1),
        bad.request(results=[bad.result("b", return_code=POISON)], slots=1),
        leaves.request(results=[leaves.result("c")], leaving=True),
    ]
    first, error, last = together(picky, *zip(runners, requests, strict=True))
    assert ([each.name for each in first.jobs], first.refused, last.refused) == (["d"], [], [])
    assert isinstance(error, IntegrityError)
    assert flow.statuses() == {"a": "completed", "b": "pending", "c": "completed", "d": "pending"}
    assert picky.value("SELECT count(*) FROM compute_node WHERE is_active = 1") == 2
    assert bad.ends("b").refused == []
    flow.check()


def test_nothing_is_left_of_a_refused_report(picky: Stage) -> None:
    flow = picky.flow(job("a"), job("b"), job("c", "a"))
    runner, other = flow.runner(cpus=2), flow.runner()
    runner.takes(2)
    before = picky.value("SELECT max(id) FROM change")
    results = [runner.result("a"), runner.result("b", return_code=POISON)]
    outcome = together(picky, (runner, runner.request(results=results)), (other, other.request()))
    assert [type(each) for each in outcome] == [IntegrityError, ExchangeAnswer]
    assert flow.statuses() == {"a": "pending", "b": "pending", "c": "blocked"}
    assert picky.value("SELECT max(id) FROM change") == before
    flow.check()


def test_a_workflow_whose_jobs_cannot_be_handed_out_is_its_runners_trouble_only(stage: Stage) -> None:
    broken, flow = stage.flow(job("a"), job("b", "a")), stage.flow(job("c"), job("d", "c"))
    mine, other, held = broken.runner(), flow.runner(), broken.runner()
    mine.takes()
    other.takes()
    waiting = held.waits()
    assert waiting.held
    stage.write(lambda batch: batch.run("UPDATE job SET env = '[' WHERE id = ?", broken.ids["b"]))
    requests = [mine.request(results=[mine.result("a")]), other.request(results=[other.result("c")], slots=1)]
    error, answer = together(stage, *zip([mine, other], requests, strict=True))
    assert isinstance(error, Exception)
    assert [each.name for each in answer.jobs] == ["d"]
    assert (broken.statuses(), flow.status("d")) == ({"a": "completed", "b": "ready"}, "pending")
    with pytest.raises(type(error)):
        waiting.answer()
    stage.write(lambda batch: batch.run("UPDATE job SET env = NULL WHERE id = ?", broken.ids["b"]))
    assert held.takes() == ["b"]
    broken.check()


def test_reports_of_many_runners_come_in_several_batches(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not make it into a batch comes in a later one, after which administrative calls of before it come."""
    monkeypatch.setattr(writer, "BATCH_ROWS", 30)
    flow = stage.flow(*(job(f"j{i}") for i in range(80)))
    runners = [flow.runner(cpus=20) for _ in range(4)]
    for each in runners:
        assert len(each.takes(20)) == 20
    requests = [r.request(results=[r.result(name) for name in r.held]) for r in runners]
    seen: list[int] = []

    def look(batch: Batch) -> None:
        seen.append(batch.run("SELECT count(*) FROM job WHERE status = 5").scalar_one())

    async def all_of_them() -> None:
        calls: list[Any] = [r.exchange(request) for r, request in zip(runners, requests, strict=True)]
        calls[1:1] = [stage.db.write(look)]
        calls[4:4] = [stage.db.write(look)]
        await asyncio.gather(*calls)

    stage.in_one_batch(all_of_them)
    assert seen == [40, 80]
    assert flow.kept_counts() == {"completed": 80}


class Work:
    """What the writer's connection does: statements, and steps of SQLite's machine."""

    def __init__(self, stage: Stage) -> None:
        self.statements = 0
        self.steps = 0
        self._stage = stage

    def of(self, act: Callable[[], object]) -> tuple[int, int]:
        """(statements, thousands of steps) that this takes."""
        engine = self._stage.db.writer._engine

        def statement(*_: object) -> None:
            self.statements += 1

        def step() -> None:
            self.steps += 1

        def watch(batch: Batch, handler: Callable[[], None] | None) -> None:
            connection = batch.conn.connection.driver_connection
            assert connection is not None
            connection.set_progress_handler(handler, 1_000)

        self.statements = self.steps = 0
        self._stage.write(watch, step)
        event.listen(engine, "before_cursor_execute", statement)
        try:
            act()
        finally:
            event.remove(engine, "before_cursor_execute", statement)
            self._stage.write(watch, None)
        return self.statements, self.steps


def of_classes(stage: Stage, jobs: int, classes: int) -> Flow:
    """A workflow of ready jobs of so many requirements."""
    sizes = {f"r{i}": need(cpus=1 + i % 4, memory=f"{i + 1}m") for i in range(classes)}
    return stage.flow(*(job(f"j{i}", needs=f"r{i % classes}") for i in range(jobs)), requirements=sizes)


def test_an_exchange_costs_what_there_are_classes_not_what_there_are_jobs(stage: Stage) -> None:
    """1,000 requirements among 20,000 ready jobs cost what they cost among 1,000, and few statements."""
    counted = []
    for jobs in (1_000, 20_000):
        flow = of_classes(stage, jobs, 1_000)
        runner = flow.runner(cpus=4)
        runner.takes(1)

        def turn(runner: Runner = runner) -> None:
            assert len(runner.ends(next(iter(runner.held)), slots=1, free=FreeResources(4, 1 << 40)).jobs) == 1

        turn()
        counted.append(Work(stage).of(turn))
        runner.leaves()
    (few, little), (many, much) = counted
    assert many <= few + 2
    assert many < 40
    assert much <= little * 1.2 + 10, (little, much)
