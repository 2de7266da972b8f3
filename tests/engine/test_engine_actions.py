"""Workflow actions: what counts, when they can be claimed, and what an initialisation does to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.engine.flow import Flow
from tests.engine.plan import chain, job
from tests.engine.stage import Stage
from torc_core.models.plan import (
    PlanActions,
    PlanHandlers,
    PlanJobs,
    PlanLine,
    PlannedAction,
    PlannedHandler,
    PlannedJob,
    PlannedScheduler,
    PlannedWorkflow,
    PlanSchedulers,
    PlanStart,
)
from torc_core.models.resources import WorkflowAction
from torc_core.models.status import JobStatus
from torc_server.api import actions as api
from torc_server.api import job_writes
from torc_server.engine import actions, create
from torc_server.engine.transition import force_status
from torc_server.errors import Conflict, Invalid
from torc_server.gradual import SMALL
from torc_server.store.batch import Batch

COMMANDS = {"commands": ["true"]}


def add(flow: Flow, trigger: str, *names: str, **fields: Any) -> int:
    """An action that waits for these jobs; returns its id."""
    job_ids = [flow.ids[name] for name in names] if trigger in actions.THERE else None
    body = WorkflowAction(
        trigger_type=trigger, action_type="run_commands", action_config=COMMANDS, job_ids=job_ids, **fields
    )
    action_id: int = flow.stage.write(api.create, flow.id, body)["id"]
    return action_id


def pending(flow: Flow) -> list[int]:
    return flow.stage.read(actions.pending, flow.id)


def counted(flow: Flow, action_id: int) -> tuple[int, int]:
    """(how often it was counted, how often it must be)"""
    ((count, required),) = flow.stage.rows(
        "SELECT trigger_count, required_triggers FROM workflow_action WHERE id = ?", action_id
    )
    return count, required


def claim(flow: Flow, action_id: int, node: int | None = None) -> None:
    flow.stage.write(actions.claim, flow.id, action_id, node)


def test_an_action_waits_until_all_its_jobs_are_ready(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"), job("c", "b"))
    action = add(flow, "on_jobs_ready", "b", "c")
    runner = flow.runner()
    runner.takes()
    runner.ends("a", slots=1)
    assert (counted(flow, action), pending(flow)) == ((1, 2), [])
    runner.ends("b")
    assert pending(flow) == [action]


def test_an_action_whose_jobs_are_there_already_can_be_claimed_at_once(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    assert add(flow, "on_jobs_ready", "a") in pending(flow)
    assert add(flow, "on_jobs_ready", "a", "b") not in pending(flow)


@pytest.mark.parametrize("trigger", ["on_jobs_ready", "on_jobs_complete"])
def test_an_end_by_cascade_counts(stage: Stage, trigger: str) -> None:
    flow = stage.flow(*chain(4))
    action = add(flow, trigger, "j1", "j3")
    runner = flow.runner()
    runner.takes()
    runner.ends("j0", status="failed")
    assert pending(flow) == [action]


def test_the_end_of_a_workflow_counts_whatever_ended_its_last_job(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"), job("c"))
    action = add(flow, "on_workflow_complete")
    flow.claim()
    runner = flow.runner()
    stage.write_together(lambda batch: fail(flow, batch, "a"), lambda batch: fail(flow, batch, "c"))
    assert pending(flow) == [action]
    assert runner.call().actions == [action]


def fail(flow: Flow, batch: Batch, name: str) -> None:
    """A claimed job ends, as torc's complete_job does it."""
    force_status(batch, (flow.ids[name], flow.id, JobStatus.PENDING), JobStatus.FAILED)


def test_a_job_counts_once_however_often_it_gets_there(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b"))
    done, ready = add(flow, "on_jobs_complete", "a", "b"), add(flow, "on_jobs_ready", "a", "b")
    runner = flow.runner(cpus=2)
    for _ in range(2):
        runner.takes()
        runner.ends("a", status="failed")
        flow.retry("a")
    assert (counted(flow, done), counted(flow, ready)) == ((1, 2), (2, 2))


def test_canceling_a_workflow_triggers_nothing(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    add(flow, "on_jobs_complete", "a")
    add(flow, "on_workflow_complete")
    flow.cancel()
    assert pending(flow) == []


def test_a_claimed_action_is_gone_and_a_persistent_one_stays(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    once, always = add(flow, "on_jobs_ready", "a"), add(flow, "on_jobs_ready", "a", persistent=True)
    node = flow.runner().node
    for action in (once, always, always):
        claim(flow, action, node)
    assert pending(flow) == [always]
    with pytest.raises(Conflict, match="already claimed"):
        claim(flow, once, node)


def test_an_action_is_claimed_by_a_node_of_its_workflow_when_it_is_triggered(stage: Stage) -> None:
    flow, other = stage.flow(job("a"), job("b", "a")), stage.flow(job("x"))
    waits, can = add(flow, "on_jobs_ready", "b"), add(flow, "on_jobs_ready", "a")
    with pytest.raises(Conflict, match="counted 0 of 1"):
        claim(flow, waits)
    with pytest.raises(Invalid, match="does not exist in workflow"):
        claim(flow, can, other.runner().node)
    claim(flow, can)


@pytest.mark.parametrize("jobs", [3, SMALL + 10])
def test_an_initialisation_counts_anew(stage: Stage, jobs: int) -> None:
    flow = stage.flow(*(job(f"j{i}") for i in range(jobs)), job("last", " ".join(f"j{i}" for i in range(jobs))))
    start, ready = add(flow, "on_workflow_start"), add(flow, "on_jobs_ready", "j0", f"j{jobs - 1}")
    done, last = add(flow, "on_jobs_complete", "j0"), add(flow, "on_jobs_ready", "last")
    add(flow, "on_jobs_ready", "j0", is_recovery=True)
    runner = flow.runner()
    runner.takes()
    runner.ends("j0")
    claim(flow, ready)
    assert pending(flow)[:1] == [done]
    flow.initialize()
    assert pending(flow) == [start, ready, done]
    assert counted(flow, last) == (0, 1)
    flow.restart()
    assert pending(flow) == [start, ready, done]  # j0 stays completed


def test_an_action_does_not_wait_for_a_job_that_was_deleted(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    action = add(flow, "on_jobs_ready", "a", "b")
    stage.write(job_writes.delete, flow.ids["b"])
    assert pending(flow) == [action]


def test_runners_that_wait_hear_of_an_action(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    action = add(flow, "on_jobs_complete", "a")
    worker, idle = flow.runner(), flow.runner()
    worker.takes()
    waiting = idle.waits(slots=0)
    assert waiting.held
    worker.ends("a")
    assert waiting.answer().actions == [action]


def test_actions_count_after_a_restart_of_the_server(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        flow = stage.flow(job("a"))
        action = add(flow, "on_jobs_complete", "a")
    with Stage(tmp_path) as stage:
        again = Flow(stage, flow.id)
        again.claim()
        again.complete("a")
        assert pending(again) == [action]


def plan(jobs: list[PlannedJob], wanted: list[PlannedAction]) -> tuple[PlanStart, list[PlanLine]]:
    """A plan with one handler and one scheduler; returns its first line and the others."""
    start = PlanStart(
        "u", PlannedWorkflow("w", "me"), len(jobs), failure_handlers=1, slurm_schedulers=1, actions=len(wanted),
        initialize=True,
    )  # fmt: skip
    handlers = PlanHandlers([PlannedHandler("h", '[{"exit_codes":[1]}]')])
    schedulers = PlanSchedulers([PlannedScheduler("s", "account")])
    return start, [handlers, schedulers, PlanJobs(jobs), PlanActions(wanted)]


def store(stage: Stage, start: PlanStart, lines: list[PlanLine]) -> Flow:
    creation = stage.write(create.begin, start)
    for line in lines:
        stage.write(create.add, creation, line)
    return Flow(stage, stage.run(stage.gradual.finish_creation(creation)).workflow_id)


def test_a_plan_brings_handlers_schedulers_and_actions(stage: Stage) -> None:
    jobs = [PlannedJob("a", "true", failure_handler=0, scheduler=0), PlannedJob("b", "true", depends_on=[0])]
    wanted = [
        PlannedAction("on_jobs_ready", "schedule_nodes", {"scheduler_type": "slurm"}, jobs=[0], scheduler=0),
        PlannedAction("on_jobs_complete", "run_commands", COMMANDS, jobs=[1, 0], persistent=True),
    ]
    flow = store(stage, *plan(jobs, wanted))
    ((handler, scheduler),) = stage.rows("SELECT failure_handler_id, scheduler_id FROM job WHERE name = 'a'")
    assert stage.rows("SELECT name FROM failure_handler WHERE id = ?", handler) == [("h",)]
    assert stage.rows("SELECT name, walltime FROM slurm_scheduler WHERE id = ?", scheduler) == [("s", "01:00:00")]
    ready, done = stage.read(api.listed, flow.id)
    assert msgspec.json.decode(ready["action_config"]) == {"scheduler_type": "slurm", "scheduler_id": scheduler}
    assert msgspec.json.decode(done["job_ids"]) == [flow.ids["b"], flow.ids["a"]]
    assert (done["required_triggers"], done["persistent"]) == (2, True)
    assert pending(flow) == [ready["id"]]


@pytest.mark.parametrize(
    ("job_fields", "action", "says"),
    [
        ({"failure_handler": 1}, None, "refers to failure handler 1, the plan has 1"),
        ({"scheduler": 7}, None, "refers to slurm scheduler 7"),
        ({}, PlannedAction("on_jobs_ready", "run_commands", COMMANDS, jobs=[3]), "action 0 refers to job 3"),
        ({}, PlannedAction("on_moon", "run_commands", COMMANDS), "trigger_type 'on_moon' is unknown"),
        ({}, PlannedAction("on_workflow_start", "run_commands", {}), "only 'commands' field is allowed"),
    ],
)
def test_a_plan_that_refers_to_nothing_is_refused(
    stage: Stage, job_fields: dict[str, Any], action: PlannedAction | None, says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        store(stage, *plan([PlannedJob("a", "true", **job_fields)], [action] if action else []))
