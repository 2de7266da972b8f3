"""Steering jobs: retry and cancel, and what becomes of the jobs below."""

from __future__ import annotations

import pytest

from tests.engine.plan import chain, job
from tests.engine.stage import Stage
from torc_core.models.exchange import StopOrder
from torc_server.errors import Invalid


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
        waiting = runner.listens_while("a")
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

    def test_what_the_user_canceled_stays_canceled_when_a_parent_is_retried(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"), job("c", "a"))
        runner = flow.runner()
        runner.takes()
        flow.cancel("c")
        runner.ends("a", status="failed")
        flow.retry("a")
        assert flow.statuses() == {"a": "ready", "b": "blocked", "c": "canceled"}
        flow.check()

    def test_attempts_lost_with_a_runner_are_no_retries(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        for _ in range(2):
            runner = flow.runner()
            runner.takes()
            runner.dies()
        flow.complete("a", "failed", attempt=3)
        flow.retry("a", max_retries=2)
        assert (flow.status("a"), flow.attempt("a")) == ("ready", 4)

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
