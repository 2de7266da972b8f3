"""Steering a workflow: retry, cancel, reset, restart, initialize."""

from __future__ import annotations

import pytest

from tests.engine.flow import Flow
from tests.engine.plan import chain, job
from tests.engine.stage import Stage
from torc_core.models.exchange import Attempt, StopOrder
from torc_server import gradual
from torc_server.engine import reset
from torc_server.errors import Conflict, Invalid, NotFound


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
        with pytest.raises(Conflict, match="1 job"):
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
