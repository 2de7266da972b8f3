"""Running again what has changed, and exactly what is below it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.engine.flow import Flow
from tests.engine.plan import job
from tests.engine.stage import Stage
from torc_core.models.reinitialize import FileState, ReinitializeAnswer
from torc_server import gradual
from torc_server.errors import Conflict, Invalid, NotFound
from torc_server.gradual import SMALL


def reinitialize(flow: Flow, *seen: FileState, dry_run: bool = False, limit: int = 10_000) -> ReinitializeAnswer:
    return flow.stage.run(flow.stage.gradual.reinitialize(flow.id, seen, dry_run, limit))


def reasons(flow: Flow, *seen: FileState) -> dict[str, list[str]]:
    return {each.name: each.reasons for each in reinitialize(flow, *seen, dry_run=True).changed}


def edit(flow: Flow, sql: str, *params: object) -> None:
    """Change something, as requests of others would."""
    flow.stage.write(lambda batch: batch.run(sql, *params).rowcount)


def file(flow: Flow, name: str, st_mtime: float | None, size: int | None = None) -> FileState:
    """The file as a client sees it."""
    return FileState(id=flow.stage.value("SELECT id FROM file WHERE name = ?", name), st_mtime=st_mtime, size=size)


def made(stage: Stage, filler: int = 0) -> Flow:
    """`make` reads raw and given, and writes mid, which `use` reads; `alone` reads nothing. All are completed."""
    jobs = [job("make", reads="raw", writes="mid", reads_data="given"), job("use", reads="mid"), job("alone")]
    flow = stage.flow(*jobs, *(job(f"filler{i}") for i in range(filler)), initialize=False)
    edit(flow, "UPDATE file SET st_mtime = 10.5, size = 12 WHERE name = 'raw'")
    flow.initialize()
    edit(flow, "UPDATE workflow SET run_id = 1")
    flow.runner(cpus=len(jobs) + filler).runs_everything()
    edit(flow, "UPDATE file SET st_mtime = 20.5, size = 5 WHERE name = 'mid'")
    return flow


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE job SET command = 'false' WHERE name = 'alone'", {"alone": ["command changed"]}),
        ("UPDATE job SET invocation_script = 's' WHERE name = 'use'", {"use": ["invocation script changed"]}),
        ("UPDATE job SET env = '{\"A\":\"1\"}' WHERE name = 'alone'", {"alone": ["environment changed"]}),
        ("UPDATE job SET cwd = 'x' WHERE name = 'alone'", {"alone": ["working folder changed"]}),
        ("UPDATE user_data SET data = '[1]' WHERE name = 'given'", {"make": ["user data given changed"]}),
        ("UPDATE file SET size = 15 WHERE name = 'raw'", {"make": ["file data/raw changed: size 12 -> 15"]}),
        (
            "UPDATE file SET st_mtime = 1700000000.5 WHERE name = 'raw'",
            {"make": ["file data/raw changed: modified 2023-11-14 22:13:20 UTC"]},
        ),
        *(
            (
                f"UPDATE file SET st_mtime = {time} WHERE name = 'raw'",
                {"make": [f"file data/raw changed: modified {time:g} s after 1970"]},
            )
            for time in (1e12, 1e18, 1e300)
        ),
        ("UPDATE file SET st_mtime = 30.5, size = 6 WHERE name = 'mid'", {}),
    ],
)
def test_each_change_is_told_with_its_job(stage: Stage, sql: str, told: dict[str, list[str]]) -> None:
    flow = made(stage)
    assert reasons(flow) == {}
    edit(flow, sql)
    assert reasons(flow) == told


def test_a_client_tells_how_files_are(stage: Stage) -> None:
    flow = made(stage)
    assert reasons(flow, file(flow, "raw", 10.5, 15)) == {"make": ["file data/raw changed: size 12 -> 15"]}
    assert reasons(flow, file(flow, "raw", 10.505, 12)) == {}
    assert reasons(flow, file(flow, "raw", None)) == {"make": ["file data/raw is missing"]}
    assert reasons(flow, file(flow, "mid", 40.5, 5)) == {
        "use": ["file data/mid changed: modified 1970-01-01 00:00:40 UTC"]
    }
    assert reasons(flow, file(flow, "mid", None)) == {"make": ["output file data/mid is missing"]}


def test_a_file_that_changed_twice_has_one_reason_from_what_the_job_ran_with(stage: Stage) -> None:
    flow = made(stage)
    edit(flow, "UPDATE file SET st_mtime = 20.5, size = 25 WHERE name = 'raw'")
    assert reasons(flow, file(flow, "raw", 30.5, 29)) == {"make": ["file data/raw changed: size 12 -> 29"]}
    assert reasons(flow, file(flow, "raw", None)) == {"make": ["file data/raw is missing"]}
    assert reasons(flow, file(flow, "raw", 10.5, 12)) == {}


@pytest.mark.parametrize("filler", [0, SMALL])
def test_what_changed_and_what_is_below_it_runs_again(stage: Stage, filler: int) -> None:
    flow = made(stage, filler)
    raw = file(flow, "raw", 10.5, 15)
    plan = reinitialize(flow, raw, dry_run=True)
    assert (plan.changed_count, plan.below_count, plan.kept_count, plan.run_id) == (1, 1, 1 + filler, 1)
    assert flow.statuses()["make"] == "completed"

    answer = reinitialize(flow, raw)

    assert (answer.changed_count, answer.below_count, answer.run_id) == (1, 1, 2)
    found = flow.statuses()
    assert {name: found.pop(name) for name in ("make", "use")} == {"make": "ready", "use": "blocked"}
    assert set(found.values()) == {"completed"}
    flow.runner(cpus=2).runs_everything()
    again = reinitialize(flow, raw)
    assert (again.changed_count, again.run_id) == (0, 2)


def test_a_changed_intermediate_file_runs_its_readers_only(stage: Stage) -> None:
    flow = made(stage)
    reinitialize(flow, file(flow, "mid", 40.5, 5))
    assert flow.statuses() == {"make": "completed", "use": "ready", "alone": "completed"}


def test_what_was_reset_runs_too(stage: Stage) -> None:
    flow = made(stage)
    flow.put_status("make", "uninitialized")
    plan = reinitialize(flow, dry_run=True)
    assert (plan.changed_count, plan.uninitialized_count, plan.below_count, plan.kept_count) == (0, 2, 0, 1)
    reinitialize(flow)
    assert flow.statuses() == {"make": "ready", "use": "blocked", "alone": "completed"}


def test_failures_stay_unless_their_inputs_changed(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b"), job("c", "b"))
    runner = flow.runner(cpus=2)
    runner.takes(2)
    runner.ends("a", status="failed")
    runner.ends("b", status="failed")
    edit(flow, "UPDATE job SET command = 'other' WHERE name = 'b'")
    plan = reinitialize(flow, dry_run=True)
    assert [(each.name, each.status) for each in plan.changed] == [("b", "failed")]
    reinitialize(flow)
    assert flow.statuses() == {"a": "failed", "b": "ready", "c": "blocked"}


def test_a_limit_cuts_the_list_and_not_the_counts(stage: Stage) -> None:
    flow = made(stage)
    edit(flow, "UPDATE job SET command = 'false'")
    plan = reinitialize(flow, dry_run=True, limit=2)
    assert ([each.name for each in plan.changed], plan.changed_count) == (["make", "use"], 3)


def test_a_file_that_nobody_looked_at_before_says_nothing(stage: Stage) -> None:
    flow = stage.flow(job("a", reads="f"))
    flow.runner().runs_everything()
    assert reasons(flow, file(flow, "f", 5.0, 5)) == {}
    reinitialize(flow, file(flow, "f", 5.0, 5))
    assert reasons(flow) == {}
    assert reasons(flow, file(flow, "f", 6.0, 5)) == {"a": ["file data/f changed: modified 1970-01-01 00:00:06 UTC"]}


@pytest.mark.parametrize("small", [0, SMALL])
def test_nothing_is_done_while_jobs_are_with_a_runner(
    stage: Stage, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradual, "SMALL", small)
    flow = stage.flow(job("a"), job("b"))
    runner = flow.runner()
    (done,) = runner.takes()
    runner.ends(done)
    runner.takes()
    edit(flow, "UPDATE job SET command = 'other' WHERE name = ?", done)
    assert reasons(flow) == {done: ["command changed"]}
    with pytest.raises(Conflict, match="with a runner"):
        reinitialize(flow)
    assert reasons(flow) == {done: ["command changed"]}


def test_unknown_and_archived_workflows_are_refused(stage: Stage) -> None:
    flow = made(stage)
    edit(flow, "UPDATE workflow SET is_archived = 1")
    with pytest.raises(Invalid, match="archived"):
        reinitialize(flow)
    flow.id = 99
    with pytest.raises(NotFound):
        reinitialize(flow, dry_run=True)


@pytest.mark.parametrize("small", [0, SMALL])
def test_through_a_barrier_all_of_the_next_stage_runs_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr("torc_server.gradual.SMALL", small)
    monkeypatch.setattr("torc_server.engine.reinitialize.WIDEST", 3)
    firsts = [f"a{i}" for i in range(10)]
    jobs = [*(job(name) for name in firsts), *(job(f"b{i}", " ".join(firsts)) for i in range(12)), job("other")]
    flow = stage.flow(*jobs, barriers=True)
    flow.runner(cpus=10).runs_everything()
    edit(flow, "UPDATE job SET command = 'other' WHERE name = 'a7'")

    answer = reinitialize(flow)

    assert (answer.changed_count, answer.below_count, answer.kept_count) == (1, 12, 10)
    flow.runner().runs_everything()
    assert set(flow.statuses().values()) == {"completed"}


def test_a_server_that_died_half_way_goes_on_at_its_next_start(stage: Stage) -> None:
    flow = made(stage, SMALL)
    raw = file(flow, "raw", 10.5, 15)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torc_server.gradual.take_back_uncounted", _dies)
        patch.setattr(stage.gradual, "_at_work", _leaves)
        with pytest.raises(RuntimeError):
            reinitialize(flow, raw)
    assert flow.statuses()["make"] == "completed"

    stage.run(stage.gradual.resume())

    found = flow.statuses()
    assert (found.pop("make"), found.pop("use"), set(found.values())) == ("ready", "blocked", {"completed"})


def _dies(*_: object) -> None:
    raise RuntimeError


@asynccontextmanager
async def _leaves(_: int) -> AsyncIterator[None]:
    yield
