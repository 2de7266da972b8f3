"""Results of a dead runner that come later, from its journal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.flow import Flow
from tests.engine.plan import job
from tests.engine.runner import Runner
from tests.engine.stage import Stage
from torc_core.models.exchange import AttemptResult
from torc_core.models.late import LateResults
from torc_server.engine.late import take_late_results


def deliver(runner: Runner, *results: AttemptResult, uuid: str | None = None) -> list[int]:
    """Deliver for a runner; returns the jobs whose results were refused."""
    stage = runner.flow.stage
    told = uuid or stage.value("SELECT uuid FROM compute_node WHERE id = ?", runner.node)
    answer = stage.write(take_late_results, runner.flow.id, runner.node, LateResults(told, list(results)))
    return [attempt.job_id for attempt in answer.refused]


def holder_of_a(stage: Stage) -> tuple[Flow, Runner]:
    """A runner that runs `a`; `b` waits for it."""
    flow = stage.flow(job("a"), job("b", "a"))
    runner = flow.runner()
    runner.takes()
    runner.starts("a")
    return flow, runner


def test_a_result_counts_while_the_server_does_not_know_of_the_death(stage: Stage) -> None:
    flow, runner = holder_of_a(stage)
    assert deliver(runner, runner.result("a")) == []
    assert flow.statuses() == {"a": "completed", "b": "ready"}
    assert flow.results("a") == [(1, 1, "completed")]


def test_a_result_counts_after_the_runner_was_lost_while_nobody_has_the_job(stage: Stage) -> None:
    flow, runner = holder_of_a(stage)
    runner.dies()
    assert (flow.status("a"), flow.attempt("a")) == ("ready", 2)
    assert deliver(runner, runner.result("a")) == []
    assert (flow.statuses(), flow.attempt("a")) == ({"a": "completed", "b": "ready"}, 1)
    assert stage.value("SELECT lost FROM job WHERE id = ?", flow.ids["a"]) == 0


def test_a_failure_counts_too(stage: Stage) -> None:
    flow, runner = holder_of_a(stage)
    runner.dies()
    assert deliver(runner, runner.result("a", "failed")) == []
    assert flow.statuses() == {"a": "failed", "b": "canceled"}


def test_delivering_again_changes_nothing_and_is_not_refused(stage: Stage) -> None:
    flow, runner = holder_of_a(stage)
    runner.dies()
    for _ in range(2):
        assert deliver(runner, runner.result("a")) == []
    assert flow.results("a") == [(1, 1, "completed")]


def handed_out(flow: Flow) -> None:
    flow.runner().takes()


def handed_out_and_back(flow: Flow) -> None:
    other = flow.runner()
    other.takes()
    other.gives_back("a")


def claimed(flow: Flow) -> None:
    flow.claim(1)


def reset(flow: Flow) -> None:
    flow.reset()
    flow.initialize()


def canceled(flow: Flow) -> None:
    flow.cancel("a")


def restarted(flow: Flow) -> None:
    flow.restart()


@pytest.mark.parametrize("meanwhile", [handed_out, handed_out_and_back, claimed, reset, canceled, restarted])
def test_a_result_is_refused_once_something_else_was_decided(stage: Stage, meanwhile: Callable[[Flow], None]) -> None:
    flow, runner = holder_of_a(stage)
    runner.dies()
    meanwhile(flow)
    before = flow.statuses()
    assert deliver(runner, runner.result("a")) == [flow.ids["a"]]
    assert flow.statuses() == before
    assert flow.results("a") == []


def test_a_result_of_a_canceled_job_says_how_its_process_ended(stage: Stage) -> None:
    flow, runner = holder_of_a(stage)
    flow.cancel("a")
    assert deliver(runner, runner.result("a")) == []
    assert flow.results("a") == [(1, 1, "canceled")]


def test_only_who_knows_the_uuid_may_deliver(stage: Stage) -> None:
    flow, runner = holder_of_a(stage)
    assert deliver(runner, runner.result("a"), uuid="another") == [flow.ids["a"]]
    assert flow.status("a") == "running"


def test_a_job_that_was_lost_too_often_fails_and_says_why(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    for _ in range(6):
        runner = flow.runner()
        runner.takes()
        runner.starts("a")
        runner.dies()
    assert flow.statuses() == {"a": "failed", "b": "canceled"}
    (cause,) = stage.rows("SELECT cause FROM result WHERE job_id = ?", flow.ids["a"])[0]
    assert cause == "worker lost: its runner is gone (its process ended), after 5 others that had it"
