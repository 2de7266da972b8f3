"""Starting a workflow over: reset, restart and initialise, at once and in portions."""

from __future__ import annotations

import pytest

from tests.engine.flow import Flow
from tests.engine.plan import chain, job
from tests.engine.stage import Stage
from torc_core.models.exchange import Attempt, StopOrder
from torc_server import gradual, portions
from torc_server.engine import reset
from torc_server.errors import Conflict, Invalid, NotFound
from torc_server.store.batch import Batch


@pytest.fixture(params=["at once", "in portions"])
def steering(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small workflows are steered in one transaction, large ones in portions; both must do the same."""
    if request.param == "in portions":
        monkeypatch.setattr(gradual, "SMALL", 0)
        monkeypatch.setattr(portions, "PORTION", 2)


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
        waiting = runner.listens_while("a")
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

    def test_a_run_that_was_begun_and_that_nobody_came_for_is_this_run(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a"))
        assert (flow.restart()["run_id"], flow.restart()["run_id"]) == (1, 1)
        runner = flow.runner()
        runner.takes()
        runner.ends("a")
        runner.dies()
        assert flow.restart()["run_id"] == 2
        assert flow.restart()["run_id"] == 2
        flow.check()
        assert flow.runner().runs_everything() == ["b"]
        assert [run for run, *_ in flow.results("b")] == [2]

    def test_a_run_whose_only_runner_was_lost_is_over(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        runner = flow.runner()
        runner.takes()
        runner.dies()
        assert flow.restart()["run_id"] == 2

    def test_a_run_that_was_canceled_is_over_though_its_jobs_were_reset(self, stage: Stage) -> None:
        flow = stage.flow(job("a"))
        flow.cancel()
        flow.reset()
        flow.initialize(only_uninitialized=True)
        assert (flow.status("a"), flow.runner().takes()) == ("ready", [])
        assert flow.restart()["run_id"] == 2
        assert flow.runner().takes() == ["a"]

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

        def make_late_a_parent(batch: Batch) -> None:
            batch.run("INSERT INTO job_depends_on VALUES (?, ?)", flow.ids["uses"], flow.ids["late"])

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
