"""torc's own way to run and steer a workflow: claims, start, complete, retry, cancel, reset, restart."""

from __future__ import annotations

import pytest

from tests.engine.stage import GIB, Flow, Stage, chain, job, need
from torc_core.models.exchange import Attempt, StopOrder
from torc_core.models.resources import ComputeNodesResources
from torc_core.models.status import JobStatus
from torc_server import gradual
from torc_server.engine import claim, reset
from torc_server.errors import Conflict, Invalid, NotFound


def by_resources(
    flow: Flow, limit: int = 100, method: str | None = None, strict: bool = False, **free: object
) -> list[str]:
    """torc's claim_jobs_based_on_resources."""
    values = {"num_cpus": 8, "memory_gb": 16.0, "num_gpus": 0, "num_nodes": 1, **free}
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


def sized(stage: Stage, **fields: int) -> Flow:
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
        runner.takes()
        runner.starts("a")
        waiting = runner.waits(slots=0)
        assert waiting.held
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


class TestRetry:
    def test_what_was_canceled_below_waits_again(self, stage: Stage) -> None:
        flow = stage.flow(*chain(4))
        runner = flow.runner()
        runner.takes()
        runner.ends("j0", status="failed")
        flow.retry("j0")
        assert flow.statuses() == {"j0": "ready", "j1": "blocked", "j2": "blocked", "j3": "blocked"}
        assert flow.attempt("j0") == 2
        flow.check()
        assert runner.runs_everything() == ["j0", "j1", "j2", "j3"]
        assert flow.results("j0") == [(1, 1, "failed"), (1, 2, "completed")]
        flow.check()

    def test_another_failed_parent_cancels_again(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("x"), job("b", "a x"), job("c", "b"))
        runner = flow.runner(cpus=2)
        runner.takes(2)
        runner.ends("a", "x", status="failed")
        flow.retry("a")
        assert (flow.status("b"), flow.status("c")) == ("blocked", "blocked")
        runner.runs_everything()
        assert flow.statuses() == {"a": "completed", "x": "failed", "b": "canceled", "c": "canceled"}
        flow.check()

    def test_children_that_had_become_ready_wait_again(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a", cancel=False), job("c", "b"))
        runner = flow.runner()
        runner.takes()
        runner.ends("a", status="failed")
        assert flow.status("b") == "ready"
        flow.retry("a")
        assert flow.statuses() == {"a": "ready", "b": "blocked", "c": "blocked"}
        flow.check()
        assert runner.runs_everything() == ["a", "b", "c"]

    def test_a_running_job_retried_has_its_process_stopped(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        runner = flow.runner()
        runner.takes()
        runner.starts("a")
        waiting = runner.waits(slots=0)
        assert waiting.held
        flow.retry("a")
        assert waiting.answer().stop == [StopOrder(flow.ids["a"], 1, "superseded")]
        assert (flow.status("a"), flow.attempt("a")) == ("ready", 2)

    def test_retrying_a_running_job_leaves_canceled_jobs_below_canceled(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"))
        flow.claim()
        flow.start("a")
        flow.cancel("b")
        flow.retry("a")
        assert flow.statuses() == {"a": "ready", "b": "canceled"}
        flow.check()

    def test_a_job_that_waits_for_a_decision_can_be_retried(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"))
        runner = flow.runner()
        runner.takes()
        runner.ends("a", status="pending_failed")
        flow.retry("a")
        assert flow.statuses() == {"a": "ready", "b": "blocked"}
        assert runner.runs_everything() == ["a", "b"]
        flow.check()

    def test_a_retried_job_waits_for_a_parent_that_runs_again(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a", cancel=False))
        runner = flow.runner()
        assert runner.runs_everything(status="failed") == ["a", "b"]
        flow.retry("a")
        flow.retry("b")
        assert flow.statuses() == {"a": "ready", "b": "blocked"}
        flow.check()
        assert runner.runs_everything() == ["a", "b"]

    @pytest.mark.parametrize("how", ["gives back", "leaves", "dies"])
    def test_a_job_given_back_waits_for_a_parent_that_runs_again(self, stage: Stage, how: str) -> None:
        flow = stage.flow(job("a"), job("b", "a", cancel=False))
        runner = flow.runner()
        runner.takes()
        runner.ends("a", status="failed")
        assert runner.takes() == ["b"]
        flow.retry("a")
        assert flow.status("b") == "pending"
        {"gives back": lambda: runner.gives_back("b"), "leaves": runner.leaves, "dies": runner.dies}[how]()
        assert flow.statuses() == {"a": "ready", "b": "blocked"}
        flow.check()
        assert flow.runner().runs_everything() == ["a", "b"]

    def test_a_result_filed_under_a_later_attempt_does_not_stop_that_attempt(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.complete("a", "failed", attempt=2)
        flow.retry("a")
        runner = flow.runner()
        runner.takes()
        runner.ends("a")
        assert flow.status("a") == "completed"
        assert flow.results("a") == [(1, 2, "completed")]

    def test_refusals(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        with pytest.raises(Invalid, match="status is Ready"):
            flow.retry("a")
        flow.complete("a", "failed")
        with pytest.raises(Invalid, match="Run ID mismatch"):
            flow.retry("a", run_id=2)
        with pytest.raises(Invalid, match="max_retries 1"):
            flow.retry("a", max_retries=1)
        assert flow.status("a") == "failed"

    def test_a_retry_is_noted(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.complete("a", "failed")
        flow.retry("a")
        text = stage.value("SELECT data ->> 'message' FROM event")
        assert text == "Job with name = a retried: attempt 1 -> 2"


class TestCancel:
    @pytest.mark.parametrize("status", ["uninitialized", "blocked", "ready", "pending", "running"])
    def test_a_job_that_has_not_ended_can_be_canceled(self, stage: Stage, status: str) -> None:
        jobs = [job("first"), job("a", "first"), job("b", "a"), job("c", "a", cancel=False)]
        flow = stage.flow(*jobs, initialize=status != "uninitialized")
        if status not in ("uninitialized", "blocked"):
            flow.complete("first")
        if status in ("pending", "running"):
            flow.claim()
        if status == "running":
            flow.start("a")
        assert flow.status("a") == status
        flow.cancel("a")
        assert flow.status("a") == "canceled"
        if status != "uninitialized":
            assert (flow.status("b"), flow.status("c")) == ("canceled", "ready")
            flow.check()
        flow.cancel("a")

    @pytest.mark.parametrize("status", ["completed", "failed", "terminated"])
    def test_an_ended_job_cannot_be_canceled(self, stage: Stage, status: str) -> None:
        flow = stage.flow(job("a"))
        flow.complete("a", status)
        with pytest.raises(Invalid, match="already complete"):
            flow.cancel("a")

    def test_a_canceled_job_runs_no_more_and_its_runner_keeps_the_room_until_it_is_dead(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"))
        runner = flow.runner()
        runner.takes()
        runner.starts("a")
        flow.cancel("a")
        assert stage.value("SELECT node_id FROM job WHERE name = 'a'") == runner.node
        assert runner.ends("a", status="completed").refused == []
        assert flow.statuses() == {"a": "canceled", "b": "canceled"}
        assert stage.value("SELECT node_id FROM job WHERE name = 'a'") is None
        flow.check()

    def test_canceling_a_workflow_cancels_all_that_has_not_ended(self, stage: Stage) -> None:
        flow = stage.flow(job("done"), job("failed"), job("a"), job("b", "a"), job("c"), job("d"))
        flow.complete("done")
        flow.complete("failed", "failed")
        runner = flow.runner(cpus=2)
        assert runner.takes(2) == ["a", "c"]
        runner.starts("a")
        flow.cancel()
        assert flow.statuses() == {
            "done": "completed", "failed": "failed", "a": "canceled", "b": "canceled", "c": "canceled", "d": "canceled",
        }  # fmt: skip
        answer = runner.call(slots=2)
        assert (answer.state, answer.jobs) == ("canceled", [])
        assert {each.job_id: each.reason for each in answer.stop} == {flow.ids[n]: "canceled" for n in "ac"}
        flow.check()


@pytest.fixture(params=["at once", "in portions"])
def steering(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small workflows are steered in one transaction, large ones in portions; both must do the same."""
    if request.param == "in portions":
        monkeypatch.setattr(gradual, "SMALL", 0)
        monkeypatch.setattr(gradual, "PORTION", 2)


@pytest.mark.usefixtures("steering")
class TestReset:
    def test_everything_goes_back(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b"), job("c", "b"), job("d"), initialize=False)
        flow.put_status("d", "disabled")
        flow.initialize()
        flow.complete("a")
        flow.complete("b", "failed")
        assert flow.reset() == 4
        assert set(flow.statuses().values()) == {"uninitialized"}
        flow.initialize()
        flow.check()
        assert sorted(flow.runner().runs_everything()) == ["a", "b", "c", "d"]

    def test_failed_only_takes_back_what_failed_and_all_below(self, stage: Stage) -> None:
        flow = stage.flow(
            job("good"),
            job("bad"),
            job("after", "bad"),
            job("ran", "bad", cancel=False),
            job("fine", "good"),
            job("r", "ran"),
        )
        runner = flow.runner(cpus=2)
        runner.takes(2)
        runner.ends("good")
        runner.ends("bad", status="failed")
        while names := runner.takes(2):
            runner.ends(*names)
        assert flow.reset(failed_only=True) == 2
        assert flow.statuses() == {
            "good": "completed", "bad": "uninitialized", "after": "uninitialized", "ran": "uninitialized",
            "fine": "completed", "r": "uninitialized",
        }  # fmt: skip
        flow.initialize(only_uninitialized=True)
        flow.check()
        assert sorted(runner.runs_everything()) == ["after", "bad", "r", "ran"]
        assert set(flow.statuses().values()) == {"completed"}

    def test_jobs_that_ended_run_again_in_the_same_run(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"))
        runner = flow.runner()
        runner.runs_everything()
        flow.reset()
        flow.initialize()
        assert runner.runs_everything() == ["a", "b"]
        assert flow.results("a") == [(1, 1, "completed"), (1, 2, "completed")]
        flow.check()

    def test_jobs_that_ended_torcs_way_run_again_in_the_same_run(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.complete("a")
        flow.reset()
        flow.initialize()
        flow.claim()
        flow.complete("a")
        assert flow.results("a") == [(1, 1, "completed"), (1, 2, "completed")]

    def test_running_jobs_are_superseded(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"))
        runner = flow.runner()
        runner.takes()
        runner.starts("a")
        waiting = runner.waits(slots=0)
        assert waiting.held
        with pytest.raises(Invalid, match="running or pending"):
            flow.reset(force=False)
        assert flow.reset() == 2
        assert waiting.answer().stop == [StopOrder(flow.ids["a"], 1, "superseded")]
        flow.initialize()
        assert (flow.status("a"), flow.attempt("a")) == ("ready", 2)
        assert runner.ends("a").refused == [Attempt(flow.ids["a"], 1)]
        flow.check()

    def test_a_job_canceled_but_not_yet_dead_runs_again_as_a_new_attempt(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        runner = flow.runner(cpus=2)
        runner.takes()
        runner.starts("a")
        old = runner.result("a", status="canceled")
        flow.cancel("a")
        flow.reset(failed_only=True)
        flow.initialize()
        assert runner.takes() == ["a"]
        assert runner.held["a"].attempt_id == 2
        assert runner.call(results=[old]).refused == [Attempt(flow.ids["a"], 1)]
        assert flow.status("a") == "pending"
        flow.check()

    def test_the_flags_are_cleared_only_when_nothing_runs(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.runner().takes()
        with pytest.raises(Invalid, match="running or pending"):
            stage.write(reset.reset_workflow_status, flow.id)
        flow.cancel()
        stage.write(reset.reset_workflow_status, flow.id)
        assert stage.value("SELECT is_canceled FROM workflow") == 0
        stage.write(lambda batch: batch.run("UPDATE workflow SET is_archived = 1"))
        with pytest.raises(Invalid, match="archived"):
            stage.write(reset.reset_workflow_status, flow.id)


@pytest.mark.usefixtures("steering")
class TestRestart:
    def test_a_dry_run_says_what_would_run_and_changes_nothing(self, stage: Stage) -> None:
        flow = stage.flow(job("good"), job("bad"), job("after", "bad"), job("ran", "bad", cancel=False))
        runner = flow.runner(cpus=2)
        runner.takes(2)
        runner.ends("good")
        runner.ends("bad", status="failed")
        runner.takes()
        runner.ends("ran")
        before = (flow.statuses(), flow.run_id, stage.value("SELECT count(*) FROM change"))
        plan = flow.restart(dry_run=True)
        assert plan == {"run_id": 1, "jobs": 3, "by_status": {"failed": 1, "canceled": 1, "completed": 1}, "kept": 1}
        assert (flow.statuses(), flow.run_id, stage.value("SELECT count(*) FROM change")) == before
        assert flow.restart() == {**plan, "run_id": 2}
        assert flow.statuses() == {"good": "completed", "bad": "ready", "after": "blocked", "ran": "blocked"}
        flow.check()
        assert sorted(runner.runs_everything()) == ["after", "bad", "ran"]
        assert flow.results("bad")[-1][0] == 2

    def test_a_complete_workflow_has_nothing_to_restart(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.runner().runs_everything()
        assert flow.restart() == {"run_id": 1, "jobs": 0, "by_status": {}, "kept": 1}
        assert flow.run_id == 1

    def test_jobs_that_wait_for_a_decision_run_again(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"))
        runner = flow.runner()
        runner.takes()
        runner.ends("a", status="pending_failed")
        assert flow.restart()["by_status"] == {"pending_failed": 1, "blocked": 1}
        flow.check()
        assert runner.runs_everything() == ["a", "b"]

    def test_a_canceled_workflow_starts_again(self, stage: Stage) -> None:
        flow = stage.flow(*chain(3))
        flow.cancel()
        assert flow.restart()["jobs"] == 3
        assert flow.runner().runs_everything() == ["j0", "j1", "j2"]

    def test_it_is_refused_while_jobs_run_or_the_workflow_is_archived(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.runner().takes()
        with pytest.raises(Conflict, match="1 jobs"):
            flow.restart()
        flow.cancel()
        stage.write(lambda batch: batch.run("UPDATE workflow SET is_archived = 1"))
        with pytest.raises(Invalid, match="archived"):
            flow.restart()
        with pytest.raises(NotFound):
            Flow(stage, flow.id + 1).restart()

    def test_disabled_jobs_stay_disabled(self, stage: Stage) -> None:
        flow = stage.flow(job("off"), job("a"), job("b", "off", cancel=False), initialize=False)
        flow.put_status("off", "disabled")
        flow.initialize()
        flow.complete("a", "failed")
        flow.restart()
        assert flow.statuses() == {"off": "disabled", "a": "ready", "b": "ready"}
        flow.check()

    def test_a_process_that_dies_late_does_not_disturb_the_new_run(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        runner = flow.runner(cpus=2)
        runner.takes()
        runner.starts("a")
        old = runner.result("a", status="canceled")
        flow.cancel()
        flow.restart()
        answer = runner.call(slots=1)
        (fresh,) = answer.jobs
        assert answer.stop == [StopOrder(flow.ids["a"], 1, "superseded")]
        assert (fresh.run_id, fresh.attempt_id) == (2, 2)
        assert runner.call(results=[old]).refused == [Attempt(flow.ids["a"], 1)]
        assert flow.status("a") == "pending"


@pytest.mark.usefixtures("steering")
class TestInitialize:
    def test_a_second_time_changes_nothing(self, stage: Stage) -> None:
        flow = stage.flow(*chain(3), job("x"))
        flow.complete("x")
        flow.claim(1)
        flow.runner()
        before = flow.statuses()
        changes = len(flow.changes())
        stage.write(lambda batch: batch.run("UPDATE job SET node_id = 1 WHERE status = 3"))
        flow.initialize()
        flow.initialize(only_uninitialized=True)
        assert flow.statuses() == before
        assert len(flow.changes()) == changes

    def test_claims_that_were_never_started_are_ready_again(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b"), job("c"))
        flow.claim(2)
        flow.start("a")
        flow.runner().takes()
        flow.initialize()
        assert flow.statuses() == {"a": "running", "b": "ready", "c": "pending"}
        flow.check()

    def test_jobs_without_an_end_are_put_to_work_again(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a", cancel=False), job("c"))
        flow.complete("a", "terminated")
        flow.complete("c", "pending_failed")
        assert flow.statuses() == {"a": "terminated", "b": "ready", "c": "pending_failed"}
        flow.initialize()
        assert flow.statuses() == {"a": "ready", "b": "blocked", "c": "ready"}
        flow.check()
        assert flow.runner().runs_everything() == ["a", "b", "c"]

    def test_a_job_added_above_a_ready_one_runs_first(self, stage: Stage) -> None:
        flow = stage.flow(job("late"), job("uses"))

        def make_late_a_parent(batch: object) -> None:
            batch.run("INSERT INTO job_depends_on VALUES (?, ?)", flow.ids["uses"], flow.ids["late"])  # type: ignore[attr-defined]

        stage.write(make_late_a_parent)
        flow.initialize()
        assert flow.statuses() == {"late": "ready", "uses": "blocked"}
        flow.check()

    def test_a_blocked_job_that_waits_for_nobody_is_released(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.put_status("a", "blocked")
        flow.initialize()
        assert flow.status("a") == "ready"
        flow.check()

    def test_everything_below_an_uninitialized_job_runs_again(self, stage: Stage) -> None:
        flow = stage.flow(*chain(3))
        flow.runner().runs_everything()
        flow.put_status("j2", "uninitialized")
        stage.write(lambda batch: batch.run("UPDATE workflow SET run_id = 2"))
        flow.initialize(only_uninitialized=True)
        assert flow.statuses() == {"j0": "completed", "j1": "completed", "j2": "ready"}

    def test_an_unknown_workflow_is_not_found(self, stage: Stage) -> None:
        with pytest.raises(NotFound):
            Flow(stage, 77).initialize()


def test_memory_of_a_claim_is_in_gibibytes(stage: Stage) -> None:
    flow = stage.flow(job("a", needs="n"), requirements={"n": need(memory="1g")})
    assert by_resources(flow, memory_gb=(GIB - 1) / GIB) == []
    assert by_resources(flow, memory_gb=1.0) == ["a"]
    assert flow.status("a") == JobStatus.PENDING.label
