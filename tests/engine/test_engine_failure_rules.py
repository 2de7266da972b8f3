"""Failures that a rule of the job's failure handler has tried again: no ends, and counted apart from lost attempts."""

from __future__ import annotations

import msgspec
import pytest

from tests.engine.flow import Flow
from tests.engine.plan import job
from tests.engine.runner import Runner
from tests.engine.stage import Stage
from torc_core.models.exchange import Attempt
from torc_core.models.resources import FailureRule
from torc_server.store.batch import Batch


@pytest.fixture
def flow(stage: Stage) -> Flow:
    """`a`, before `b`."""
    return stage.flow(job("a"), job("b", "a"))


def fails(runner: Runner, retry_up_to: int, slots: int = 1) -> list[str]:
    """`a` fails under a rule; what the runner gets then."""
    result = runner.result("a", "failed", retry_up_to=retry_up_to)
    del runner.held["a"]
    return [each.name for each in runner.call(results=[result], slots=slots).jobs]


def test_a_failure_that_is_tried_again_is_no_end(flow: Flow) -> None:
    runner = flow.runner()
    runner.takes()
    assert fails(runner, 3) == ["a"]
    assert (flow.attempt("a"), runner.held["a"].retries) == (2, 1)
    assert flow.statuses() == {"a": "pending", "b": "blocked"}
    assert ("failed", ["a"]) not in flow.changes()
    flow.check()


def test_the_budget_ends(flow: Flow) -> None:
    runner = flow.runner()
    runner.takes()
    assert fails(runner, 3) == ["a"]
    assert fails(runner, 3) == ["a"]
    assert fails(runner, 3) == []
    assert flow.statuses() == {"a": "failed", "b": "canceled"}
    rows = flow.stage.rows("SELECT attempt_id, status FROM result ORDER BY attempt_id")
    assert rows == [(1, 6), (2, 6), (3, 6)]
    flow.check()


def test_attempts_that_were_lost_do_not_count(flow: Flow) -> None:
    first = flow.runner()
    first.takes()
    first.starts("a")
    first.dies()
    runner = flow.runner()
    assert runner.takes() == ["a"]
    assert (flow.attempt("a"), runner.held["a"].retries) == (2, 0)
    assert fails(runner, 2) == ["a"]
    assert fails(runner, 2) == []
    assert flow.status("a") == "failed"


def test_a_report_that_is_repeated_is_accepted_again(flow: Flow) -> None:
    runner = flow.runner()
    runner.takes()
    result = runner.result("a", "failed", retry_up_to=5)
    del runner.held["a"]
    runner.call(results=[result])
    answer = runner.call(results=[result])
    assert (answer.refused, flow.attempt("a")) == ([], 2)
    other = runner.call(results=[msgspec.structs.replace(result, attempt_id=7)])
    assert other.refused == [Attempt(result.job_id, 7)]


def test_a_canceled_job_is_not_tried_again(flow: Flow) -> None:
    runner = flow.runner()
    runner.takes()
    runner.starts("a")
    flow.cancel("a")
    assert fails(runner, 5) == []
    assert flow.statuses() == {"a": "canceled", "b": "canceled"}


def test_the_retry_is_among_the_events(flow: Flow) -> None:
    runner = flow.runner()
    runner.takes()
    fails(runner, 5)
    (told,) = flow.stage.rows("SELECT data FROM event WHERE data ->> 'event_type' = 'job_retried'")
    assert msgspec.json.decode(told[0])["message"] == "Job with name = a retried: attempt 1 -> 2"


def test_rules_travel_with_the_job(flow: Flow) -> None:
    rules = '[{"exit_codes":[3],"recovery_script":"fix","max_retries":4}]'

    def give(batch: Batch) -> None:
        batch.run("INSERT INTO failure_handler (id, workflow_id, name, rules) VALUES (1, ?, 'h', ?)", flow.id, rules)
        batch.run("UPDATE job SET failure_handler_id = 1")

    flow.stage.write(give)
    runner = flow.runner()
    runner.takes()
    assert runner.held["a"].failure_rules == [FailureRule(exit_codes=[3], recovery_script="fix", max_retries=4)]
