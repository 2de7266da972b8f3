"""What the end of a job means for the jobs below it."""

from __future__ import annotations

import pytest

from tests.engine.plan import chain, job
from tests.engine.stage import Stage
from torc_core.models.status import JobStatus


def test_a_chain_runs_in_order(stage: Stage) -> None:
    flow = stage.flow(*chain(20))
    assert flow.statuses() == {"j0": "ready", **{f"j{i}": "blocked" for i in range(1, 20)}}
    assert flow.runner().runs_everything() == [f"j{i}" for i in range(20)]
    assert set(flow.statuses().values()) == {"completed"}
    flow.check()


def test_a_job_waits_for_its_last_parent(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"), job("c", "a"), job("d", "b c"))
    runner = flow.runner(cpus=2)
    assert runner.takes(2) == ["a"]
    assert [each.name for each in runner.ends("a", slots=2).jobs] == ["b", "c"]
    assert runner.ends("c", slots=2).jobs == []
    assert flow.status("d") == "blocked"
    assert [each.name for each in runner.ends("b", slots=2).jobs] == ["d"]
    flow.check()


def test_fan_out_and_fan_in(stage: Stage) -> None:
    middle = [job(f"m{i}", "first") for i in range(50)]
    flow = stage.flow(job("first"), *middle, job("last", " ".join(each.name for each in middle)))
    runner = flow.runner(cpus=64)
    assert runner.takes(64) == ["first"]
    assert len(runner.ends("first", slots=64).jobs) == 50
    runner.ends(*[f"m{i}" for i in range(49)])
    assert flow.counters("last") == (1, 0)
    runner.ends("m49")
    assert flow.status("last") == "ready"
    flow.check()


@pytest.mark.parametrize("status", ["failed", "terminated", "canceled"])
def test_an_end_without_success_cancels_what_is_below(stage: Stage, status: str) -> None:
    flow = stage.flow(job("a"), job("b", "a"), job("c", "b"))
    runner = flow.runner()
    runner.takes()
    runner.ends("a", status=status)
    assert flow.statuses() == {"a": status, "b": "canceled", "c": "canceled"}
    flow.check()


def test_a_job_without_the_flag_runs_after_a_failure(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a", cancel=False), job("c", "b"))
    runner = flow.runner()
    runner.takes()
    assert [each.name for each in runner.ends("a", status="failed", slots=1).jobs] == ["b"]
    assert flow.status("c") == "blocked"
    runner.ends("b")
    assert flow.status("c") == "ready"
    flow.check()


def test_a_failure_reaches_any_depth_and_stops_where_the_flag_is_off(stage: Stage) -> None:
    flow = stage.flow(*chain(300), job("stubborn", "j299", cancel=False), job("after", "stubborn"))
    runner = flow.runner()
    runner.takes()
    runner.ends("j0", status="failed")
    statuses = flow.statuses()
    assert {statuses[f"j{i}"] for i in range(1, 300)} == {"canceled"}
    assert (statuses["stubborn"], statuses["after"]) == ("ready", "blocked")
    flow.check()


def test_a_diamond_below_a_failure_ends(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"), job("c", "a"), job("d", "b c"))
    runner = flow.runner()
    runner.takes()
    assert runner.ends("a", status="failed").state == "complete"
    assert set(flow.statuses().values()) == {"failed", "canceled"}
    flow.check()


def test_a_canceled_parent_counts_as_a_failure_when_another_parent_succeeds_later(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"), job("d"), job("e", "b d"))
    runner = flow.runner(cpus=2)
    assert runner.takes(2) == ["a", "d"]
    runner.ends("a", status="failed")
    assert (flow.status("b"), flow.status("e")) == ("canceled", "blocked")
    runner.ends("d")
    assert flow.status("e") == "canceled"
    flow.check()


def test_a_pending_failed_parent_holds_its_children_back(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    runner = flow.runner()
    runner.takes()
    answer = runner.ends("a", status="pending_failed", slots=1)
    assert flow.statuses() == {"a": "pending_failed", "b": "blocked"}
    assert answer.stuck is not None
    assert "pending_failed" in answer.stuck
    flow.check()


def test_disabled_parents_release_by_the_flag(stage: Stage) -> None:
    flow = stage.flow(job("off"), job("b", "off"), job("c", "off", cancel=False), initialize=False)
    flow.put_status("off", "disabled", run_id=0)
    flow.initialize()
    assert flow.statuses() == {"off": "disabled", "b": "canceled", "c": "ready"}
    assert flow.runner().runs_everything() == ["c"]
    flow.check()


def test_disabling_a_job_later_tells_its_children(stage: Stage) -> None:
    flow = stage.flow(job("off"), job("b", "off", cancel=False), job("c", "b"))
    flow.put_status("off", "disabled")
    assert flow.statuses() == {"off": "disabled", "b": "ready", "c": "blocked"}
    flow.check()


def test_an_empty_workflow_is_complete(stage: Stage) -> None:
    assert stage.flow().runner().call(slots=1, wait_ms=10_000).state == "complete"


def test_many_ends_in_one_report_count_once_each(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b"), job("c"), job("d", "a b c"))
    runner = flow.runner(cpus=3)
    runner.takes(3)
    runner.ends("a", "b", "c")
    assert flow.status("d") == "ready"
    flow.check()


def test_the_change_log_has_every_move(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"), job("c", "b"), job("d", "a", cancel=False))
    runner = flow.runner(cpus=2)
    runner.takes()
    runner.starts("a")
    runner.ends("a", status="failed")
    told: dict[str, list[str]] = {}
    for status, names in flow.changes():
        for name in names:
            told.setdefault(name, []).append(status)
    assert told == {
        "a": ["ready", "pending", "running", "failed"],
        "b": ["blocked", "canceled"],
        "c": ["blocked", "canceled"],
        "d": ["blocked", "ready"],
    }
    assert {name: moves[-1] for name, moves in told.items()} == flow.statuses()


def test_counts_are_kept_through_everything(stage: Stage) -> None:
    flow = stage.flow(*chain(4), job("x"), job("y", "x"), job("z", "x y", cancel=False))
    runner = flow.runner(cpus=2)
    flow.check()
    runner.takes(2)
    flow.check()
    runner.starts("j0", "x")
    flow.check()
    runner.ends("x", status="failed", slots=2)
    flow.check()
    flow.cancel("j2")
    flow.check()
    flow.retry("x")
    flow.check()
    flow.cancel()
    flow.check()
    assert flow.restart()["jobs"] == 7
    flow.check()
    assert flow.kept_counts() == {JobStatus.READY.label: 2, JobStatus.BLOCKED.label: 5}
