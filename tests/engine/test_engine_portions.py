"""Canceling and emptying workflows that are too large for one transaction."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.flow import Flow
from tests.engine.plan import JobLine, chain, job
from tests.engine.stage import Stage
from torc_server import gradual
from torc_server.api.events import EVENTS
from torc_server.engine.cancel import forbid_work
from torc_server.engine.notes import note
from torc_server.portions import PORTION
from torc_server.store.batch import Batch

MANY = gradual.SMALL + 500

SHAPES = {
    "in a row": chain(MANY),
    "below one": [job("j0"), *(job(f"j{i}", "j0") for i in range(1, MANY))],
    "above one": [*(job(f"j{i}") for i in range(MANY - 1)), job("last", " ".join(f"j{i}" for i in range(MANY - 1)))],
}


@pytest.mark.parametrize("barriers", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_large_workflow_is_canceled_and_can_be_run_again(stage: Stage, shape: str, barriers: bool) -> None:
    flow = stage.flow(*SHAPES[shape], barriers=barriers)
    runner = flow.runner()
    first = runner.takes()
    waiting = {name: n for name, n in flow.kept_counts().items() if name == "blocked"}
    flow.stage.run(flow.stage.gradual.cancel(flow.id))
    assert flow.kept_counts() == {"canceled": MANY}
    assert [order.reason for order in runner.call().stop] == ["canceled"] * len(first)
    runner.ends(*first, status="canceled")
    assert flow.restart()["jobs"] == MANY
    assert flow.kept_counts() == {**waiting, "ready": MANY - sum(waiting.values())}
    flow.check()


def test_what_is_canceled_runs_no_more_though_it_takes_several_steps(stage: Stage) -> None:
    flow = stage.flow(*(job(f"j{i}") for i in range(MANY)))
    stage.write(forbid_work, flow.id)
    assert flow.runner().takes(slots=5) == []


def test_a_cancellation_that_was_cut_off_is_finished_at_start(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        flow = stage.flow(*(job(f"j{i}") for i in range(MANY)))
        stage.write(forbid_work, flow.id)
        stage.write(gradual._begin, flow.id, "cancel")
    with Stage(tmp_path) as stage:
        stage.run(stage.gradual.resume())
        again = Flow(stage, flow.id)
        assert again.kept_counts() == {"canceled": MANY}
        assert again.restart()["jobs"] == MANY


@pytest.mark.parametrize("jobs", [SHAPES["in a row"], chain(3), []])
def test_all_jobs_of_a_workflow_can_be_deleted(stage: Stage, jobs: list[JobLine]) -> None:
    flow = stage.flow(*jobs, initialize=bool(jobs))
    assert stage.run(stage.gradual.delete_jobs(flow.id)) == len(jobs)
    assert (flow.statuses(), flow.kept_counts()) == ({}, {})
    assert stage.run(stage.gradual.delete_jobs(flow.id)) == 0


def test_many_rows_are_deleted_in_portions(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    n = PORTION * 2 + 5

    def notes(batch: Batch) -> None:
        for _ in range(n):
            note(batch, flow.id, category="x")

    stage.write(notes)
    sizes: list[int] = []

    def some(batch: Batch, workflow_id: int) -> int:
        sizes.append(EVENTS.delete_some(batch, workflow_id))
        return sizes[-1]

    assert stage.run(stage.gradual.clear(some, flow.id)) == n
    assert sizes == [PORTION, PORTION, 5, 0]


@pytest.mark.parametrize("barriers", [False, True])
def test_failures_in_a_large_workflow_are_reset_while_others_run(stage: Stage, barriers: bool) -> None:
    parents = [job(f"j{i}") for i in range(MANY - 2)]
    below = " ".join(f"j{i}" for i in range(MANY - 2))
    flow = stage.flow(*parents, job("one", below), job("other", below), barriers=barriers)
    runner = flow.runner()
    runner.takes(slots=6, ignore_resources=True)
    runner.starts("j0")
    runner.ends("j1", "j2", status="failed")
    runner.ends("j3")
    assert flow.reset(failed_only=True) == 2
    assert flow.kept_counts() == {"uninitialized": 4, "ready": MANY - 8, "pending": 2, "running": 1, "completed": 1}
    flow.check()
    flow.initialize(only_uninitialized=True)
    assert flow.kept_counts() == {"blocked": 2, "ready": MANY - 6, "pending": 2, "running": 1, "completed": 1}
    flow.check()
