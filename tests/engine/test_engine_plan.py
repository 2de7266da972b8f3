"""Storing plans: all of a workflow or nothing of it, and the same one when it is sent again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.flow import Flow
from tests.engine.plan import Plan, job, need
from tests.engine.stage import Stage
from torc_core.models.plan import (
    PlanAnswer,
    PlanFiles,
    PlanJobs,
    PlannedFile,
    PlannedJob,
    PlannedRequirements,
    PlanRequirements,
)
from torc_server.engine import create
from torc_server.errors import Conflict, Invalid

TABLES = (
    "workflow",
    "job",
    "file",
    "user_data",
    "resource_requirements",
    "job_depends_on",
    "job_output_file",
    "status_count",
)


def rows_of_everything(stage: Stage) -> dict[str, int]:
    return {table: stage.value(f"SELECT count(*) FROM {table}") for table in TABLES}


def two_jobs() -> Plan:
    return Plan(
        (job("a", writes="f", writes_data="d", needs="n"), job("b", "a", reads="f", reads_data="d")),
        {"n": need(cpus=2)},
    )


def test_a_plan_becomes_visible_whole(stage: Stage) -> None:
    plan = two_jobs()
    creation = stage.write(create.begin, plan.start)
    for line in plan.lines:
        stage.write(create.add, creation, line)
    assert stage.value("SELECT state FROM workflow") == "creating"
    assert stage.value("SELECT count(*) FROM change") == 0
    answer = plan.finish(stage, creation)
    assert answer == PlanAnswer(creation.workflow_id, 2)
    assert stage.value("SELECT state FROM workflow") == "visible"
    flow = Flow(stage, answer.workflow_id)
    assert (flow.run_id, flow.statuses()) == (1, {"a": "ready", "b": "blocked"})
    assert rows_of_everything(stage) == {
        "workflow": 1, "job": 2, "file": 1, "user_data": 1, "resource_requirements": 2, "job_depends_on": 1,
        "job_output_file": 1, "status_count": 3,
    }  # fmt: skip
    flow.check()


def test_a_plan_need_not_be_initialized(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"), initialize=False)
    assert (flow.run_id, flow.kept_counts()) == (0, {"uninitialized": 2})


def test_a_repeated_plan_finds_its_workflow(stage: Stage) -> None:
    plan = two_jobs()
    first = plan.store(stage)
    Flow(stage, first.workflow_id).runner(cpus=2).runs_everything()
    before = rows_of_everything(stage)
    second = plan.store(stage)
    assert (second.workflow_id, second.jobs, second.repeated) == (first.workflow_id, 2, True)
    assert rows_of_everything(stage) == before


def test_a_plan_sent_again_while_the_first_is_still_coming_wins(stage: Stage) -> None:
    plan = two_jobs()
    first = stage.write(create.begin, plan.start)
    stage.write(create.add, first, plan.lines[0])
    second = stage.write(create.begin, plan.start)
    with pytest.raises(Conflict, match="again"):
        stage.write(create.add, first, plan.lines[1])
    with pytest.raises(Conflict, match="again"):
        stage.write(create.finish, first)
    stage.discard(first)
    for line in plan.lines:
        stage.write(create.add, second, line)
    answer = plan.finish(stage, second)
    assert plan.store(stage) == PlanAnswer(answer.workflow_id, 2, repeated=True)
    assert stage.value("SELECT count(*) FROM workflow") == 1
    Flow(stage, answer.workflow_id).check()


def test_two_plans_may_come_at_the_same_time(stage: Stage) -> None:
    plans = [two_jobs(), two_jobs()]
    creations = [stage.write(create.begin, plan.start) for plan in plans]
    for lines in zip(plans[0].lines, plans[1].lines, strict=True):
        for creation, line in zip(creations, lines, strict=True):
            stage.write(create.add, creation, line)
    answers = [plan.finish(stage, creation) for plan, creation in zip(plans, creations, strict=True)]
    for answer in answers:
        flow = Flow(stage, answer.workflow_id)
        assert flow.runner(cpus=2).runs_everything() == ["a", "b"]
        flow.check()


def test_a_plan_may_come_again_while_its_workflow_is_being_deleted(stage: Stage) -> None:
    plan = two_jobs()
    answer = plan.store(stage)
    stage.write(lambda batch: batch.run("UPDATE workflow SET state = 'deleting' WHERE id = ?", answer.workflow_id))
    again = plan.store(stage)
    assert not again.repeated
    assert again.workflow_id != answer.workflow_id


@pytest.mark.parametrize("missing", range(4))
def test_a_plan_that_lacks_what_it_announced_is_refused_and_leaves_nothing(stage: Stage, missing: int) -> None:
    before = rows_of_everything(stage)
    plan = two_jobs()
    creation = stage.write(create.begin, plan.start)
    broken = [line for i, line in enumerate(plan.lines) if i != missing]
    if missing < 3:  # the jobs refer to what is missing; its number is found out at the end
        broken = [line for line in broken if not isinstance(line, PlanJobs)]
    for line in broken:
        stage.write(create.add, creation, line)
    with pytest.raises(Invalid, match="announced"):
        plan.finish(stage, creation)
    stage.discard(creation)
    assert rows_of_everything(stage) == before


def test_what_a_crash_left_half_created_is_swept_away(stage: Stage) -> None:
    plan = two_jobs()
    whole = two_jobs().store(stage)
    before = rows_of_everything(stage)
    creation = stage.write(create.begin, plan.start)
    for line in plan.lines:
        stage.write(create.add, creation, line)
    stage.write(create.hide_half_created)
    stage.run(stage.gradual.resume())
    assert rows_of_everything(stage) == before
    assert stage.value("SELECT id FROM workflow") == whole.workflow_id


def plan_of(*jobs: PlannedJob) -> PlanJobs:
    return PlanJobs(list(jobs))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (PlanJobs([PlannedJob(f"j{i}", "true") for i in range(4)]), "brings more"),
        (PlanFiles([PlannedFile("f", "p"), PlannedFile("g", "q")]), "brings more"),
        (plan_of(PlannedJob("a", "true", depends_on=[0])), "must come before"),
        (plan_of(PlannedJob("a", "true", depends_on=[-1])), "must come before"),
        (plan_of(PlannedJob("a", "true"), PlannedJob("b", "true", depends_on=[7])), "must come before"),
        (plan_of(PlannedJob("a", "true", resource_requirements=1)), r"requirements? 1"),
        (plan_of(PlannedJob("a", "true", input_files=[1])), "input_files"),
        (plan_of(PlannedJob("a", "true", output_user_data=[0])), "output_user_data"),
        (PlanRequirements([PlannedRequirements("n", 1, "lots")]), "'n'"),
        (PlanRequirements([PlannedRequirements("n", -1, "1g")]), "'n'"),
        (PlanRequirements([PlannedRequirements("n", 1, "1g", runtime="soon")]), "'n'"),
    ],
)
def test_bad_lines_are_refused_and_leave_nothing(stage: Stage, line: Any, says: str) -> None:
    before = rows_of_everything(stage)
    plan = Plan((job("a", reads="f"), job("b"), job("c")), {"n": need()})
    creation = stage.write(create.begin, plan.start)
    for good in plan.lines[:2] if isinstance(line, PlanJobs) else []:
        stage.write(create.add, creation, good)
    with pytest.raises(Invalid, match=says):
        stage.write(create.add, creation, line)
    stage.discard(creation)
    assert rows_of_everything(stage) == before


def test_an_unknown_sort_method_is_refused(stage: Stage) -> None:
    with pytest.raises(Invalid, match="jobs_sort_method"):
        stage.flow(job("a"), jobs_sort_method="by_mood")


def test_files_and_user_data_imply_dependencies(stage: Stage) -> None:
    flow = stage.flow(job("reads", reads="f", reads_data="d"), job("writes", writes="f"), job("data", writes_data="d"))
    assert flow.statuses() == {"reads": "blocked", "writes": "ready", "data": "ready"}
    assert flow.counters("reads") == (2, 0)
    runner = flow.runner(cpus=2)
    assert runner.takes(2) == ["writes", "data"]
    runner.ends("writes", "data")
    assert flow.status("reads") == "ready"
    flow.check()


def test_a_job_that_reads_what_it_writes_does_not_wait_for_itself(stage: Stage) -> None:
    flow = stage.flow(job("a", reads="f", writes="f"))
    assert flow.runner().runs_everything() == ["a"]


def test_a_cycle_through_files_is_refused_with_its_path(stage: Stage) -> None:
    plan = Plan(
        (job("a", reads="z", writes="x"), job("b", reads="x", writes="y"), job("c", "b", writes="z"), job("d", "c"))
    )
    with pytest.raises(Invalid, match=r"cycle: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)"):
        plan.store(stage)
    assert stage.value("SELECT state FROM workflow") == "creating"
    assert stage.value("SELECT count(*) FROM job_depends_on") == 2
    assert stage.value("SELECT count(*) FROM job WHERE status <> 0 OR unmet <> 0") == 0
    assert stage.value("SELECT count(*) FROM change") == 0


def test_the_path_of_a_long_cycle_is_shortened(stage: Stage) -> None:
    n = 3_000
    ring = [job(f"j{i}", reads=f"f{(i - 1) % n}", writes=f"f{i}") for i in range(n)]
    with pytest.raises(Invalid, match="cycle") as refused:
        stage.flow(*ring)
    path = str(refused.value).split(": ", 1)[1].split(" -> ")
    assert len(path) == 13
    assert path[0] == path[-1]
    assert "…" in path


def test_too_many_dependencies_through_files_are_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torc_server.engine.initialize.MOST_IMPLIED", 8)
    jobs = [*(job(f"a{i}", writes="f") for i in range(3)), *(job(f"b{i}", reads="f") for i in range(3))]
    with pytest.raises(Invalid, match="file relations imply 9 dependencies, a workflow may have 8"):
        stage.flow(*jobs)
