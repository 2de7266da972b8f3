"""torc's own way to run a workflow: claims, start_job, complete_job, manage_status_change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.flow import GIB, Flow
from tests.engine.plan import chain, job, need
from tests.engine.stage import Stage
from torc_core.models.exchange import Attempt, StopOrder
from torc_core.models.resources import ComputeNodesResources
from torc_core.models.status import JobStatus
from torc_server.engine import claim
from torc_server.errors import Conflict, Invalid, NotFound


def by_resources(
    flow: Flow, limit: int = 100, method: str | None = None, strict: bool = False, **free: object
) -> list[str]:
    """torc's claim_jobs_based_on_resources."""
    values: dict[str, Any] = {"num_cpus": 8, "memory_gb": 16.0, "num_gpus": 0, "num_nodes": 1, **free}
    jobs, reason = flow.stage.write(
        claim.claim_jobs_based_on_resources, flow.id, ComputeNodesResources(**values), limit, method, strict
    )
    assert reason is None
    return [each["name"] for each in jobs]


SIZES = {
    "small": need(memory="1g", runtime="PT1M"),
    "long": need(memory="1g", runtime="PT2H"),
    "fat": need(memory="8g", runtime="PT1H"),
    "gpu": need(memory="1g", gpus=1, runtime="PT1M"),
}


def sized(stage: Stage, **fields: Any) -> Flow:
    return stage.flow(*(job(name, needs=name, **fields) for name in SIZES), requirements=SIZES)


class TestClaims:
    def test_next_jobs_come_by_priority_and_age(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b"), job("c", priority=1), job("d"), job("e", "a"))
        assert flow.claim(2) == ["c", "a"]
        assert flow.claim(0) == []
        assert flow.claim(-1) == ["b", "d"]
        assert flow.claim() == []
        assert flow.kept_counts() == {"pending": 4, "blocked": 1}
        flow.check()

    def test_a_claim_shows_the_job_as_torc_does(self, stage: Stage) -> None:
        flow = stage.flow(job("a", writes="f", invocation_script="s.sh"))
        (found,) = stage.write(claim.claim_next_jobs, flow.id, 10)
        assert found == {
            "id": flow.ids["a"], "workflow_id": flow.id, "name": "a", "command": "true", "invocation_script": "s.sh",
            "status": "pending", "cancel_on_blocking_job_failure": True, "supports_termination": False,
            "output_file_ids": [1], "resource_requirements_id": 1, "attempt_id": 1, "scheduler_id": None,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("method", "order"),
        [
            ("gpus_runtime_memory", ["gpu", "long", "fat", "small"]),
            ("gpus_memory_runtime", ["gpu", "fat", "long", "small"]),
            ("none", ["small", "long", "fat", "gpu"]),
            (None, ["small", "long", "fat", "gpu"]),
        ],
    )
    def test_claims_by_resources_come_in_the_asked_order(
        self, stage: Stage, method: str | None, order: list[str]
    ) -> None:
        assert by_resources(sized(stage), method=method, num_gpus=1) == order

    def test_claims_by_resources_fit(self, stage: Stage) -> None:
        assert by_resources(sized(stage)) == ["small", "long", "fat"]
        assert by_resources(sized(stage), memory_gb=8.5) == ["small", "long"]
        assert by_resources(sized(stage), memory_gb=8.5, method="gpus_memory_runtime") == ["fat"]
        assert by_resources(sized(stage), num_cpus=1) == ["small"]
        assert by_resources(sized(stage), limit=1) == ["small"]
        assert by_resources(sized(stage), time_limit="PT30M") == ["small"]
        assert by_resources(sized(stage), limit=0) == []

    def test_a_bad_time_limit_is_named(self, stage: Stage) -> None:
        with pytest.raises(Invalid, match="time_limit") as refused:
            by_resources(sized(stage), time_limit="soon")
        assert refused.value.details == {"field": "time_limit", "value": "soon"}

    def test_jobs_of_other_schedulers_come_only_when_nothing_else_fits(self, stage: Stage) -> None:
        flow = stage.flow(*(job(n) for n in "abc"))
        stage.write(lambda batch: batch.run("UPDATE job SET scheduler_id = 7 WHERE name = 'a'"))
        stage.write(lambda batch: batch.run("UPDATE job SET scheduler_id = 8 WHERE name = 'b'"))
        assert by_resources(flow, scheduler_config_id=8, strict=True) == ["b", "c"]
        assert by_resources(flow, scheduler_config_id=8, strict=True) == []
        assert by_resources(flow, scheduler_config_id=8) == ["a"]

    def test_a_canceled_workflow_gives_nothing_and_says_so(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.cancel()
        assert flow.claim() == []
        free = ComputeNodesResources(num_cpus=1, memory_gb=1.0, num_gpus=0, num_nodes=1)
        assert stage.write(claim.claim_jobs_based_on_resources, flow.id, free, 1) == ([], "Workflow is canceled")
        with pytest.raises(NotFound):
            stage.write(claim.claim_next_jobs, flow.id + 1, 1)

    def test_a_claimed_job_is_not_handed_to_a_runner(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b"))
        assert flow.claim(1) == ["a"]
        assert flow.runner(cpus=2).takes(2) == ["b"]


class TestStartAndComplete:
    def test_a_job_runs_torcs_way(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"))
        flow.claim()
        flow.start("a")
        assert flow.status("a") == "running"
        flow.complete("a")
        assert flow.statuses() == {"a": "completed", "b": "ready"}
        assert flow.results("a") == [(1, 1, "completed")]
        flow.check()

    def test_only_a_claimed_job_of_this_run_can_be_started(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        with pytest.raises(Conflict, match="ready, not pending"):
            flow.start("a")
        flow.claim()
        with pytest.raises(Invalid, match="Run ID mismatch"):
            flow.start("a", run_id=2)
        flow.start("a")
        with pytest.raises(Conflict, match="running, not pending"):
            flow.start("a")

    def test_nothing_starts_in_a_canceled_workflow(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.claim()
        flow.cancel()
        with pytest.raises(Conflict, match="canceled"):
            flow.start("a")

    @pytest.mark.parametrize("until", ["blocked", "ready", "pending", "running"])
    def test_a_job_may_be_completed_from_any_status_that_is_no_end(self, stage: Stage, until: str) -> None:
        flow = stage.flow(job("first"), job("a", "first"), job("b", "a"))
        if until != "blocked":
            flow.claim()
            flow.complete("first")
        if until in ("pending", "running"):
            flow.claim()
        if until == "running":
            flow.start("a")
        assert flow.status("a") == until
        flow.complete("a")
        assert (flow.status("a"), flow.status("b")) == ("completed", "ready")
        flow.check()
        if until == "blocked":
            flow.complete("first", status="failed")
            assert flow.status("a") == "completed"
            flow.check()

    def test_an_ended_job_is_not_ended_again(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.complete("a", "failed")
        with pytest.raises(Invalid, match="already complete with status Failed"):
            flow.complete("a")
        assert flow.results("a") == [(1, 1, "failed")]

    def test_a_report_of_another_run_changes_nothing(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.claim()
        with pytest.raises(Invalid, match="provided 3 but workflow status has 1"):
            flow.complete("a", run_id=3)
        assert (flow.status("a"), flow.results("a")) == ("pending", [])

    @pytest.mark.parametrize("status", ["ready", "running", "disabled", "uninitialized"])
    def test_what_is_no_end_cannot_complete(self, stage: Stage, status: str) -> None:
        flow = stage.flow(job("a"))
        with pytest.raises(Invalid, match=status):
            flow.complete("a", status)

    def test_pending_failed_is_decided_by_a_second_complete(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"))
        flow.claim()
        flow.complete("a", "pending_failed")
        assert flow.statuses() == {"a": "pending_failed", "b": "blocked"}
        flow.complete("a", "failed")
        assert flow.statuses() == {"a": "failed", "b": "canceled"}
        assert flow.results("a") == [(1, 1, "failed")]
        flow.check()

    def test_completing_a_job_of_a_runner_stops_its_process(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"))
        runner = flow.runner()
        waiting = runner.listens_while("a")
        flow.complete("a")
        assert waiting.answer().stop == [StopOrder(flow.ids["a"], 1, "superseded")]
        runner.ends("a", status="terminated")
        assert flow.results("a") == [(1, 1, "completed")]
        flow.check()


class TestForcedStatus:
    def test_a_completed_job_taken_back_takes_everything_below_along(self, stage: Stage) -> None:
        flow = stage.flow(*chain(5), job("beside"), job("below", "beside j1"))
        runner = flow.runner(cpus=2)
        for name in ("j0", "beside", "j1", "j2"):
            if name not in runner.held:
                runner.takes(2)
            runner.ends(name)
        assert runner.takes(1) == ["j3"] or runner.takes(2)
        flow.put_status("j0", "uninitialized")
        assert flow.statuses()["j0"] == "uninitialized"
        assert flow.statuses()["j1"] == flow.statuses()["j2"] == "uninitialized"
        assert flow.status("beside") == "completed"
        flow.check()
        flow.initialize(only_uninitialized=True)
        assert flow.status("j0") == "ready"
        flow.check()

    def test_jobs_that_run_below_are_left_alone_and_counted_right(self, stage: Stage) -> None:
        flow = stage.flow(*chain(4))
        runner = flow.runner()
        for name in ("j0", "j1"):
            runner.takes()
            runner.ends(name)
        assert runner.takes() == ["j2"]
        flow.put_status("j0", "uninitialized")
        assert flow.statuses() == {"j0": "uninitialized", "j1": "uninitialized", "j2": "pending", "j3": "uninitialized"}
        flow.check()

    def test_a_completed_job_made_ready_again_holds_its_children_back(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"), job("c", "b"))
        flow.complete("a")
        assert flow.status("b") == "ready"
        flow.put_status("a", "ready")
        assert flow.statuses() == {"a": "ready", "b": "blocked", "c": "blocked"}
        flow.check()
        assert flow.runner().runs_everything() == ["a", "b", "c"]
        assert flow.results("a") == [(1, 1, "completed"), (1, 2, "completed")]

    def test_a_job_made_ready_by_hand_does_not_wait_for_its_parents(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"))
        flow.put_status("b", "ready")
        assert flow.runner(cpus=2).takes(2) == ["a", "b"]
        flow.complete("a")
        flow.check()

    def test_ends_cannot_be_put(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        for status in ("completed", "failed", "canceled", "terminated"):
            with pytest.raises(Invalid, match="complete_job"):
                flow.put_status("a", status)

    def test_the_same_status_needs_no_run_and_another_does(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.put_status("a", "ready", run_id=9)
        with pytest.raises(Invalid, match="Run ID mismatch"):
            flow.put_status("a", "pending", run_id=9)

    def test_a_job_taken_from_its_runner_runs_as_a_new_attempt(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        runner = flow.runner()
        runner.takes()
        runner.starts("a")
        flow.put_status("a", "ready")
        assert flow.attempt("a") == 2
        answer = runner.call(slots=1)
        assert answer.stop == [StopOrder(flow.ids["a"], 1, "superseded")]
        assert [(each.name, each.attempt_id) for each in answer.jobs] == [("a", 2)]
        old = runner.result("a", attempt_id=1)
        assert runner.call(results=[old]).refused == [Attempt(flow.ids["a"], 1)]
        flow.check()


def test_memory_of_a_claim_is_in_gibibytes(stage: Stage) -> None:
    flow = stage.flow(job("a", needs="n"), requirements={"n": need(memory="1g")})
    assert by_resources(flow, memory_gb=(GIB - 1) / GIB) == []
    assert by_resources(flow, memory_gb=1.0) == ["a"]
    assert flow.status("a") == JobStatus.PENDING.label
