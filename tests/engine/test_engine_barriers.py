"""All of A before all of B through a barrier: counted as one parent, ended by its last."""

from __future__ import annotations

import pytest

from tests.engine.plan import Plan, job
from tests.engine.stage import Stage
from torc_core.models.plan import PlanBarriers, PlannedBarrier
from torc_server.engine.explain import explain
from torc_server.errors import Invalid

WIDE = [job(f"a{i}") for i in range(3)] + [job(f"b{i}", "a0 a1 a2") for i in range(3)] + [job("c", "b0 b1 b2")]


def test_every_child_waits_for_the_last_parent(stage: Stage) -> None:
    flow = stage.flow(*WIDE, barriers=True)
    assert stage.value("SELECT count(*) FROM job_depends_on") == 0
    runner = flow.runner(cpus=3)
    runner.takes(3)
    runner.ends("a0", "a1")
    assert flow.status("b0") == "blocked"
    runner.ends("a2")
    assert [flow.status(f"b{i}") for i in range(3)] == ["ready"] * 3
    runner.runs_everything()
    assert set(flow.statuses().values()) == {"completed"}
    flow.check()


def test_a_failed_parent_cancels_all_children_and_a_retry_brings_them_back(stage: Stage) -> None:
    flow = stage.flow(*WIDE, barriers=True)
    runner = flow.runner(cpus=3)
    runner.takes(3)
    runner.ends("a0", "a1")
    runner.ends("a2", status="failed")
    assert {flow.status(name) for name in ("b0", "b1", "b2", "c")} == {"canceled"}
    flow.check()
    flow.retry("a2")
    assert {flow.status(name) for name in ("b0", "b1", "b2", "c")} == {"blocked"}
    flow.check()
    assert sorted(runner.runs_everything()) == ["a2", "b0", "b1", "b2", "c"]
    flow.check()


def test_reset_and_restart_go_through_barriers(stage: Stage) -> None:
    flow = stage.flow(*WIDE, barriers=True)
    flow.runner(cpus=3).runs_everything()
    flow.put_status("a1", "uninitialized")
    assert {name for name, status in flow.statuses().items() if status == "completed"} == {"a0", "a2"}
    flow.check()
    assert flow.restart()["jobs"] == 5
    assert flow.statuses() == {"a0": "completed", "a1": "ready", "a2": "completed"} | dict.fromkeys(
        ("b0", "b1", "b2", "c"), "blocked"
    )
    flow.check()


def test_explain_names_the_parents_behind_a_barrier(stage: Stage) -> None:
    flow = stage.flow(*WIDE, barriers=True)
    runner = flow.runner()
    runner.takes()
    runner.ends("a0")
    why = stage.read(explain, flow.ids["b1"], [])["why"]
    assert why == "blocked: waits for 2 of 3 parents; first: a1 ready"


def test_a_barrier_refers_to_jobs_that_came_before_it(stage: Stage) -> None:
    plan = Plan(tuple(WIDE), barriers=True)
    place = next(i for i, line in enumerate(plan.lines) if isinstance(line, PlanBarriers))
    plan.lines[place] = PlanBarriers([PlannedBarrier([(0, 5)])])
    with pytest.raises(Invalid, match="a barrier has the jobs 0 to 5 for parents, which must come before it"):
        plan.store(stage)
