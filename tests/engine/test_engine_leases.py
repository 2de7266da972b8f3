"""Runners that leave, fall silent or die: what they had goes on elsewhere, once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.engine.flow import Flow
from tests.engine.plan import chain, job
from tests.engine.runner import Runner
from tests.engine.stage import Stage
from torc_core.models.exchange import Attempt, Started, StopOrder
from torc_core.models.late import LateResults
from torc_server.engine.late import take_late_results
from torc_server.engine.leases import LOST_LIMIT
from torc_server.errors import NotFound


def test_leaving_gives_back_what_is_left(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b"), job("c"))
    runner = flow.runner(cpus=3)
    runner.takes(3)
    runner.starts("a")
    done = runner.result("c")
    runner.leaves(results=[done])
    assert flow.statuses() == {"a": "ready", "b": "ready", "c": "completed"}
    assert (flow.attempt("a"), flow.attempt("b")) == (2, 1)
    assert stage.value("SELECT is_active FROM compute_node WHERE id = ?", runner.node) == 0
    with pytest.raises(NotFound):
        runner.call()
    flow.check()


def test_what_is_told_as_begun_with_the_farewell_runs_again_as_another_attempt(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b"))
    runner = flow.runner(cpus=2)
    runner.takes(2)
    runner.leaves(started=[Started(flow.ids["a"], 1, 0, 1)])
    assert flow.statuses() == {"a": "ready", "b": "ready"}
    assert (flow.attempt("a"), flow.attempt("b")) == (2, 1)
    flow.check()


def test_leaving_twice_in_one_batch_is_leaving_once(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    runner.takes()
    request = runner.request(leaving=True)

    async def twice() -> tuple[object, object]:
        return await asyncio.gather(runner.exchange(request), runner.exchange(request), return_exceptions=True)

    stage.in_one_batch(twice)
    assert flow.status("a") == "ready"
    assert flow.runner().takes() == ["a"]
    flow.check()


def test_a_call_after_leaving_gets_nothing_even_in_the_same_batch(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    leave, more = runner.request(leaving=True), runner.request(slots=1)

    async def both() -> tuple[object, object]:
        return await asyncio.gather(runner.exchange(leave), runner.exchange(more), return_exceptions=True)

    stage.in_one_batch(both)
    assert flow.status("a") == "ready"
    assert flow.runner().takes() == ["a"]


def test_an_unknown_node_and_one_of_another_workflow_are_not_found(stage: Stage) -> None:
    flow, other = stage.flow(job("a")), stage.flow(job("b"))
    runner = flow.runner()
    with pytest.raises(NotFound):
        Runner(flow, runner.node + 1_000, runner.free).call(slots=1)
    with pytest.raises(NotFound):
        Runner(other, runner.node, runner.free).call(slots=1)
    assert other.status("b") == "ready"


def test_a_silent_runner_loses_its_jobs(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b"))
    runner = flow.runner(cpus=2)
    runner.takes(2)
    runner.starts("a")
    stage.pass_time(59)
    assert flow.statuses() == {"a": "running", "b": "pending"}
    stage.pass_time(2)
    assert flow.statuses() == {"a": "ready", "b": "ready"}
    assert (flow.attempt("a"), flow.attempt("b")) == (2, 2)
    with pytest.raises(NotFound):
        runner.ends("a")
    assert flow.results("a") == []
    flow.check()


def test_a_call_renews_the_lease_even_when_it_comes_with_the_expiry(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    runner.takes()
    stage.pass_time(50)
    runner.call()
    stage.pass_time(50)
    assert flow.status("a") == "pending"

    async def calls_with_the_expiry() -> list[StopOrder]:
        stage.clock.ahead_s += 11
        return (await runner.exchange(runner.request())).stop

    assert stage.in_one_batch(calls_with_the_expiry) == []
    assert (flow.status("a"), flow.attempt("a")) == ("pending", 1)


def test_a_lost_runner_that_comes_back_is_told_to_stop_its_copies(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    lost = flow.runner()
    lost.takes()
    lost.starts("a")
    stage.pass_time(61)
    assert flow.runner().takes() == ["a"]
    back = flow.runner()
    back.held = lost.held
    assert back.call().stop == [StopOrder(flow.ids["a"], 1, "superseded")]
    assert back.ends("a").refused == [Attempt(flow.ids["a"], 1)]
    assert (flow.status("a"), flow.attempt("a")) == ("pending", 2)
    flow.check()


def test_a_lost_runner_makes_work_for_the_one_that_waits(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    flow.runner().takes()
    stage.pass_time(55)
    other = flow.runner()
    waiting = other.waits()
    assert waiting.held
    stage.pass_time(6)
    (found,) = waiting.answer().jobs
    assert (found.name, found.attempt_id) == ("a", 2)


def test_too_many_losses_fail_a_job(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    for attempt in range(1, LOST_LIMIT + 2):
        runner = flow.runner()
        assert runner.takes() == ["a"]
        assert runner.held["a"].attempt_id == attempt
        runner.dies()
    stage.until(lambda: flow.status("a") == "failed")
    assert flow.status("b") == "canceled"
    flow.check()


def test_what_waited_for_room_at_a_runner_that_died_is_given_back_uncounted(stage: Stage) -> None:
    flow = stage.flow(*(job(f"j{i}") for i in range(6)))
    for attempt in range(1, LOST_LIMIT + 2):
        runner = flow.runner()
        assert runner.takes(1, prefetch=(1, 3)) == ["j0", "j1", "j2", "j3"]
        assert {each.attempt_id for each in runner.held.values()} == {attempt}
        runner.dies()
    stage.until(lambda: flow.status("j0") == "failed")
    assert flow.kept_counts() == {"failed": 1, "ready": 5}
    assert dict(stage.rows("SELECT name, lost FROM job WHERE name > 'j0'")) == dict.fromkeys(
        ["j1", "j2", "j3", "j4", "j5"], 0
    )
    flow.check()


def test_what_was_handed_out_ahead_and_told_as_started_counts_when_its_runner_dies(stage: Stage) -> None:
    flow = stage.flow(*(job(f"j{i}") for i in range(4)))
    runner = flow.runner()
    runner.takes(1, prefetch=(1, 3))
    runner.ends("j0")
    runner.starts("j1")
    runner.dies()
    stage.until(lambda: flow.status("j1") == "ready")
    assert dict(stage.rows("SELECT name, lost FROM job WHERE name > 'j0'")) == {"j1": 1, "j2": 0, "j3": 0}
    assert {flow.attempt(name) for name in ("j1", "j2", "j3")} == {2}


def test_what_a_runner_gave_back_and_got_for_its_room_counts_when_it_dies(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b"), job("c"))
    runner = flow.runner()
    assert runner.takes(1, prefetch=(1, 3)) == ["a", "b", "c"]
    runner.gives_back("b", "c")
    runner.ends("a")
    assert runner.takes() == ["b"]
    runner.dies()
    stage.until(lambda: flow.status("b") == "ready")
    assert stage.value("SELECT lost FROM job WHERE name = 'b'") == 1


def test_a_late_result_of_what_went_back_uncounted_is_welcome(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b"))
    runner = flow.runner(uuid="dead")
    runner.takes(1, prefetch=(1, 1))
    done = runner.result("b")
    runner.dies()
    stage.until(lambda: flow.status("b") == "ready")
    late = LateResults("dead", [done])
    assert stage.write(take_late_results, flow.id, runner.node, late).refused == []
    assert (flow.status("b"), stage.value("SELECT lost FROM job WHERE name = 'b'")) == ("completed", 0)
    flow.check()


def test_nothing_wakes_the_server_before_a_lease_can_end(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    assert stage.runners.due() == float("inf")
    runner = flow.runner()
    runner.takes()
    stage.settle()
    assert 59 < stage.runners.due() <= 60
    stage.pass_time(40)
    assert 19 < stage.runners.due() <= 20


@pytest.mark.parametrize(("limit", "attempts"), [(0, 1), (2, 3)])
def test_a_job_says_how_often_it_may_be_lost(stage: Stage, limit: int, attempts: int) -> None:
    flow = stage.flow(job("a", lost_limit=limit), job("b", "a", cancel=False))
    for _ in range(attempts):
        runner = flow.runner()
        assert runner.takes() == ["a"]
        runner.starts("a")
        runner.dies()
    stage.until(lambda: flow.status("a") == "failed")
    cause = stage.value("SELECT cause FROM result")
    assert cause.startswith("worker lost: its runner is gone (its process ended)")
    assert ("after 2 others" in cause) == (limit == 2)
    assert flow.runner().takes() == ["b"]
    flow.check()


def test_a_job_that_never_started_is_not_lost_with_its_runner(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", lost_limit=0))
    runner = flow.runner()
    runner.takes(1, prefetch=(1, 1))
    runner.dies()
    stage.until(lambda: flow.status("b") == "ready")


def test_the_death_of_a_runner_gives_its_jobs_to_others_at_once(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner, other = flow.runner(), flow.runner()
    runner.takes()
    runner.starts("a")
    waiting = other.waits()
    assert waiting.held
    runner.dies()
    (found,) = waiting.answer().jobs
    assert (found.name, found.attempt_id) == ("a", 2)
    flow.check()


def test_a_runner_that_dies_while_its_call_is_held_gets_nothing_more(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner(cpus=2)
    runner.takes()
    waiting = runner.waits()
    assert waiting.held
    runner.dies()
    with pytest.raises(NotFound):
        waiting.answer()
    assert (flow.status("a"), flow.attempt("a")) == ("ready", 2)
    assert flow.runner().takes() == ["a"]
    flow.check()


def test_jobs_handed_out_in_the_same_batch_are_not_taken_for_a_stuck_workflow(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    one, two = flow.runner(), flow.runner()
    calls = [each.request(slots=1, wait_ms=10_000) for each in (one, two)]

    async def both() -> str | None:
        tasks = [asyncio.ensure_future(r.exchange(c)) for r, c in zip((one, two), calls, strict=True)]
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)
        for task in rest:
            task.cancel()
        return next((task.result().stuck for task in done if task.result().stuck), None)

    assert stage.in_one_batch(both) is None


def test_a_repeated_registration_keeps_the_held_call(stage: Stage) -> None:
    flow = stage.flow(*chain(2))
    flow.runner().takes()
    runner = flow.runner()
    waiting = runner.waits()
    assert waiting.held
    stage.write(stage.runners.registered, runner.node)
    flow.cancel()
    assert waiting.answer().state == "canceled"


def test_runners_get_a_full_lease_after_a_restart_of_the_server(tmp_path: Path) -> None:
    with Stage(tmp_path) as before:
        flow = before.flow(job("a"), job("b"))
        runner = flow.runner()
        runner.takes()
    with Stage(tmp_path) as after:
        flow = Flow(after, flow.id)
        runner.flow = flow
        after.pass_time(50)
        assert runner.call().stop == []
        assert flow.status("a") == "pending"
        after.pass_time(61)
        assert (flow.status("a"), flow.attempt("a")) == ("ready", 2)


def test_a_repeated_call_is_answered_alike_after_a_restart_of_the_server(tmp_path: Path) -> None:
    with Stage(tmp_path) as before:
        flow = before.flow(job("a"), job("b"))
        runner = flow.runner()
        runner.takes()
        request = runner.request(results=[runner.result("a")], slots=1)
        first = runner.send(request)
    with Stage(tmp_path) as after:
        runner.flow = Flow(after, flow.id)
        second = runner.send(request)
        assert (
            [(j.name, j.attempt_id) for j in first.jobs] == [(j.name, j.attempt_id) for j in second.jobs] == [("b", 1)]
        )
        assert second.refused == []


def test_a_waiting_call_is_answered_in_time_to_renew_a_short_lease(tmp_path: Path) -> None:
    with Stage(tmp_path, lease_s=27.0) as stage:
        flow = stage.flow(job("a"))
        flow.runner().takes()
        waiting = flow.runner().waits(wait_ms=10_000)
        stage.pass_time(8)
        assert waiting.held
        stage.pass_time(1)
        assert not waiting.held
        assert waiting.answer().jobs == []
