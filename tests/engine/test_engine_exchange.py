"""The conversation of a runner with the server: nothing is lost, nothing counts twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from tests.engine.plan import chain, job, need
from tests.engine.stage import Stage, breaks_the_commit
from torc_core.models.exchange import Attempt, ExchangeAnswer, OutputStat, Prefetch, StopOrder


def test_jobs_of_a_lost_answer_are_sent_again(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b"))
    runner = flow.runner(cpus=2)
    runner.takes(2)
    runner.held.clear()  # as if the answer had never come
    again = runner.call(slots=2)
    assert sorted(each.name for each in again.jobs) == ["a", "b"]
    assert {each.attempt_id for each in again.jobs} == {1}
    flow.check()


def test_jobs_sent_again_use_the_room_that_was_offered(stage: Stage) -> None:
    flow = stage.flow(*(job(f"j{i}") for i in range(6)))
    runner = flow.runner(cpus=2)
    assert len(runner.takes(2)) == 2
    runner.held.clear()
    assert len(runner.takes(2)) == 2
    assert flow.kept_counts() == {"pending": 2, "ready": 4}


def test_a_held_pair_is_not_sent_again(stage: Stage) -> None:
    runner = stage.flow(job("a"), job("b")).runner(cpus=2)
    assert runner.takes(1) == ["a"]
    assert runner.takes(1) == ["b"]
    assert runner.call().jobs == []


def test_started_moves_to_running(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    runner.takes()
    assert flow.status("a") == "pending"
    runner.starts("a")
    assert flow.status("a") == "running"
    runner.starts("a")
    assert flow.status("a") == "running"
    flow.check()


def test_an_answer_has_what_the_job_needs_to_run(stage: Stage) -> None:
    flow = stage.flow(
        job("a", writes="one two", needs="big", env={"K": "v"}, cwd="sub", invocation_script="s.sh"),
        requirements={"big": need(cpus=2, memory="2g", gpus=1, runtime="PT2H")},
    )
    (found,) = flow.runner(cpus=4, gpus=1).call(slots=1).jobs
    assert (found.name, found.command, found.invocation_script, found.cwd, found.env) == (
        "a", "true", "s.sh", "sub", {"K": "v"},
    )  # fmt: skip
    assert (found.num_cpus, found.memory_bytes, found.num_gpus, found.runtime_s) == (2, 2 << 30, 1, 7200)
    assert (found.run_id, found.attempt_id, found.limits) == (1, 1, True)
    assert [path for _, path in found.output_files] == ["data/one", "data/two"]


def test_a_result_is_stored_with_what_was_measured(stage: Stage) -> None:
    flow = stage.flow(job("a", writes="out"))
    runner = flow.runner()
    runner.takes()
    (file_id, _), *_ = runner.held["a"].output_files
    result = runner.result("a", status="failed", peak_memory_bytes=5, cause="over memory", stderr_tail="x" * 9_000)
    result.outputs = [OutputStat(file_id, 12.5, 7)]
    runner.call(results=[result])
    ((run, attempt, node, code, minutes, peak, cause, tail),) = stage.rows(
        "SELECT run_id, attempt_id, compute_node_id, return_code, exec_time_minutes, peak_memory_bytes, cause,"
        " length(stderr_tail) FROM result"
    )
    assert (run, attempt, node, code, peak, cause, tail) == (1, 1, runner.node, 1, 5, "over memory", 4_000)
    assert minutes == pytest.approx(1 / 60)
    assert stage.rows("SELECT st_mtime, size FROM file") == [(12.5, 7)]


def test_a_repeated_result_is_acknowledged_and_changes_nothing(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    runner = flow.runner()
    runner.takes()
    request = runner.request(results=[runner.result("a")])
    first, second = runner.send(request), runner.send(request)
    assert first.refused == second.refused == []
    assert flow.results("a") == [(1, 1, "completed")]
    assert flow.counters("b") == (0, 0)
    flow.check()


def test_a_result_that_comes_twice_in_one_batch_counts_once(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    runner = flow.runner()
    runner.takes()
    request = runner.request(results=[runner.result("a")])

    async def twice() -> list[list[Attempt]]:
        answers = await asyncio.gather(runner.exchange(request), runner.exchange(request))
        return [answer.refused for answer in answers]

    assert stage.in_one_batch(twice) == [[], []]
    assert flow.results("a") == [(1, 1, "completed")]
    flow.check()


@pytest.mark.parametrize("wrong", [{"attempt_id": 2}, {"run_id": 2}, {"job_id": 10_000}])
def test_a_result_of_another_attempt_run_or_job_is_refused(stage: Stage, wrong: dict[str, Any]) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    runner.takes()
    result = runner.result("a", **wrong)
    assert runner.call(results=[result]).refused == [Attempt(result.job_id, result.attempt_id)]
    assert flow.status("a") == "pending"
    assert flow.results("a") == []
    assert runner.ends("a").refused == []
    flow.check()


def test_a_result_from_a_node_that_does_not_have_the_job_is_refused(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner, other = flow.runner(), flow.runner()
    runner.takes()
    result = runner.result("a")
    assert other.call(results=[result]).refused == [Attempt(result.job_id, 1)]
    assert flow.status("a") == "pending"


@pytest.mark.parametrize(
    "odd", [{"status": "splendid"}, {"end_ms": 10**400}, {"end_ms": -(10**18)}, {"peak_memory_bytes": 1 << 70}]
)
def test_an_odd_report_hurts_nobody_else(stage: Stage, odd: dict[str, Any]) -> None:
    flow = stage.flow(job("a"), job("b"))
    one, two = flow.runner(), flow.runner()
    one.takes()
    two.takes()
    bad = one.request(results=[one.result("a", **odd)])
    good = two.request(results=[two.result("b")])

    async def both() -> tuple[object, object]:
        return await asyncio.gather(one.exchange(bad), two.exchange(good), return_exceptions=True)

    stage.in_one_batch(both)
    assert flow.status("b") == "completed"
    assert flow.status("a") in ("completed", "failed")
    flow.check()


def test_released_jobs_go_back_without_a_new_attempt(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner, other = flow.runner(), flow.runner()
    runner.takes()
    runner.gives_back("a")
    assert (flow.status("a"), flow.attempt("a")) == ("ready", 1)
    assert other.takes() == ["a"]
    flow.check()


def test_a_release_that_comes_twice_in_one_batch_counts_once(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    runner.takes()
    request = runner.request(released=[Attempt(flow.ids["a"], 1)], held=[])

    async def twice() -> None:
        await asyncio.gather(runner.exchange(request), runner.exchange(request))

    stage.in_one_batch(twice)
    assert flow.kept_counts() == {"ready": 1}
    flow.check()


def test_a_running_job_cannot_be_released(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    runner.takes()
    runner.starts("a")
    runner.gives_back("a")
    assert flow.status("a") == "running"


def test_a_call_with_nothing_to_say_is_held(stage: Stage) -> None:
    flow = stage.flow(*chain(2))
    flow.runner().takes()
    waiting = flow.runner().waits()
    assert waiting.held


def test_a_held_call_is_answered_when_its_time_is_over(stage: Stage) -> None:
    flow = stage.flow(*chain(2))
    flow.runner().takes()
    waiting = flow.runner().waits(wait_ms=3_000)
    assert waiting.held
    stage.pass_time(4)
    answer = waiting.answer()
    assert (answer.jobs, answer.state, answer.acknowledged) == ([], "active", 1)


def test_no_call_is_held_longer_than_ten_seconds(stage: Stage) -> None:
    flow = stage.flow(*chain(2))
    flow.runner().takes()
    waiting = flow.runner().waits(wait_ms=60_000)
    assert waiting.held
    stage.pass_time(10.5)
    assert waiting.answer().jobs == []


def test_a_newer_call_answers_the_held_one(stage: Stage) -> None:
    flow = stage.flow(*chain(2))
    flow.runner().takes()
    runner = flow.runner()
    waiting = runner.waits()
    assert waiting.held
    assert runner.call().acknowledged == 2
    answer = waiting.answer()
    assert (answer.acknowledged, answer.jobs) == (1, [])


def test_a_held_call_is_answered_by_the_commit_that_makes_work(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    first, second = flow.runner(), flow.runner()
    first.takes()
    waiting = second.waits()
    assert waiting.held
    first.ends("a")
    assert [each.name for each in waiting.answer().jobs] == ["b"]
    flow.check()


def test_a_held_call_is_answered_by_jobs_given_back(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    first, second = flow.runner(), flow.runner()
    first.takes()
    waiting = second.waits()
    assert waiting.held
    first.gives_back("a")
    assert [each.name for each in waiting.answer().jobs] == ["a"]


def test_a_held_call_is_answered_by_a_cancellation(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    runner.takes()
    runner.starts("a")
    waiting = runner.waits()
    assert waiting.held
    flow.cancel("a")
    assert waiting.answer().stop == [StopOrder(flow.ids["a"], 1, "canceled")]
    assert runner.ends("a", status="canceled").refused == []
    assert flow.results("a") == [(1, 1, "canceled")]
    flow.check()


def test_a_held_call_is_answered_when_the_workflow_is_canceled(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    one, two = flow.runner(), flow.runner()
    one.takes()
    first, second = one.waits(), two.waits()
    assert first.held
    assert second.held
    flow.cancel()
    answer = first.answer()
    assert (answer.state, answer.stop) == ("canceled", [StopOrder(flow.ids["a"], 1, "canceled")])
    assert second.answer().state == "canceled"


def test_a_held_call_is_answered_when_the_workflow_is_complete(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    one, two = flow.runner(), flow.runner()
    one.takes()
    waiting = two.waits()
    assert waiting.held
    assert one.ends("a").state == "complete"
    assert waiting.answer().state == "complete"


def test_completion_can_be_ignored(stage: Stage) -> None:
    flow = stage.flow(job("a"), compute_node_ignore_workflow_completion=True)
    runner = flow.runner()
    runner.runs_everything()
    assert runner.last.state == "active"
    assert runner.waits().held


def test_a_job_canceled_before_the_node_knew_of_it_is_let_go(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b"))
    runner = flow.runner()
    runner.takes()
    runner.held.clear()
    flow.cancel("a")
    assert runner.call().stop == []
    assert stage.value("SELECT node_id FROM job WHERE name = 'a'") is None


def test_a_late_start_of_a_canceled_job_is_answered_with_stop(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b"))
    runner = flow.runner()
    runner.takes()
    flow.cancel("a")
    assert runner.starts("a").stop == [StopOrder(flow.ids["a"], 1, "canceled")]
    assert flow.status("a") == "canceled"


def test_closing_answers_every_held_call(stage: Stage) -> None:
    flow = stage.flow(*chain(2))
    flow.runner().takes()
    waiting = flow.runner().waits()
    assert waiting.held
    stage.runners.close()
    assert waiting.answer().state == "active"


def test_prefetched_jobs_are_pending_and_counted(stage: Stage) -> None:
    flow = stage.flow(*(job(f"j{i}") for i in range(6)))
    default = stage.value("SELECT id FROM resource_requirements WHERE workflow_id = ?", flow.id)
    runner = flow.runner()
    assert len(runner.takes(1, prefetch=Prefetch(default, 3))) == 4
    assert flow.kept_counts() == {"pending": 4, "ready": 2}
    flow.check()


def test_a_late_call_does_not_undo_what_a_newer_one_said(stage: Stage) -> None:
    """It arrives after a newer one: its results count; what it says of free room and of what is held does not."""
    flow = stage.flow(*(job(f"j{i}") for i in range(4)))
    runner = flow.runner(cpus=2)
    runner.takes(2)
    late = runner.request(results=[runner.result("j0")], held=[], slots=2, wait_ms=10_000)
    assert runner.call(slots=0).jobs == []
    answer = stage.run(runner.exchange(late))
    assert (answer.jobs, answer.stop, answer.refused) == ([], [], [])
    assert flow.statuses() == {"j0": "completed", "j1": "pending", "j2": "ready", "j3": "ready"}
    flow.check()


def test_a_late_call_leaves_the_newer_one_waiting(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    worker, runner = flow.runner(), flow.runner()
    worker.takes()
    late = runner.request(slots=1)
    waiting = runner.waits()
    stage.run(runner.exchange(late))
    assert waiting.held
    worker.ends("a")
    assert [each.name for each in waiting.answer().jobs] == ["b"]


def test_a_late_release_does_not_take_back_what_was_handed_out_again(stage: Stage) -> None:
    """The network repeats the call that gave a job back, when the same attempt is the runner's once more."""
    flow = stage.flow(job("a"))
    runner = flow.runner()
    runner.takes()
    release = runner.request(released=[Attempt(flow.ids["a"], 1)], held=[])
    runner.held.clear()
    stage.run(runner.exchange(release))
    assert runner.takes() == ["a"]
    stage.run(runner.exchange(release))
    assert (flow.status("a"), flow.attempt("a")) == ("pending", 1)
    assert runner.ends("a").refused == []
    flow.check()


def test_a_late_farewell_of_a_runner_that_goes_on_is_not_heeded(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    late = runner.request(leaving=True)
    assert runner.takes() == ["a"]
    stage.run(runner.exchange(late))
    assert flow.status("a") == "pending"
    assert runner.ends("a").refused == []


def test_of_calls_of_one_node_in_one_batch_the_newest_counts(stage: Stage) -> None:
    flow = stage.flow(*(job(f"j{i}") for i in range(4)))
    runner = flow.runner(cpus=2)
    old, new = runner.request(slots=2), runner.request(slots=1)

    async def both() -> tuple[ExchangeAnswer, ExchangeAnswer]:
        return await asyncio.gather(runner.exchange(new), runner.exchange(old))

    newer, older = stage.in_one_batch(both)
    assert ([each.name for each in newer.jobs], older.jobs) == (["j0"], [])


def test_a_call_counts_as_the_newest_only_once_it_is_committed(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    old, new = runner.request(slots=1), runner.request(slots=1)

    async def fails() -> tuple[object, object]:
        return await asyncio.gather(runner.exchange(new), stage.db.write(breaks_the_commit), return_exceptions=True)

    assert all(isinstance(each, IntegrityError) for each in stage.in_one_batch(fails))
    assert [each.name for each in runner.send(old).jobs] == ["a"]
