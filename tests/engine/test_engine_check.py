"""The history checker finds what is wrong, whatever it is, and nothing where nothing is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.flow import Flow
from tests.engine.plan import job
from tests.engine.stage import Stage
from torc_core.models.resources import Result
from torc_core.models.status import JobStatus
from torc_server.engine.check import check
from torc_server.engine.claim import claim_next_jobs
from torc_server.engine.complete import complete_job
from torc_server.store.batch import Batch


def problems(stage: Stage, **how: bool) -> list[str]:
    return stage.read(lambda conn: check(conn, **how))


def breaks(sql: str) -> Callable[[Flow], None]:
    """Change the database behind the engine's back, and let the workflow be checked."""

    def act(flow: Flow) -> None:
        def write(batch: Batch) -> None:
            batch.run("PRAGMA defer_foreign_keys = ON")
            batch.run(sql)

        flow.stage.write(write)

    return act


def logs(name: str, *statuses: str) -> Callable[[Flow], None]:
    """Put moves into the change log that did not happen."""

    def act(flow: Flow) -> None:
        for status in statuses:
            flow.stage.write(
                lambda batch, status=status: batch.log(flow.id, "jobs", status=status, ids=[flow.ids[name]])
            )

    return act


BROKEN: list[tuple[Callable[[Flow], Any], str]] = [
    (breaks("UPDATE status_count SET n = n + 1 WHERE status = 5"), "keeps 2 jobs as completed, there are 1"),
    (breaks("DELETE FROM status_count WHERE status = 4"), "keeps 0 jobs as running, there are 1"),
    (breaks("UPDATE job SET unmet = 2 WHERE name = 'c'"), "'c' (3) counts 2 parents to wait for"),
    (breaks("UPDATE job SET bad = 1 WHERE name = 'c'"), "and 1 without success, there are 1 and 0"),
    (breaks("UPDATE job SET unmet = 0 WHERE name = 'c'"), "'c' (3) is blocked by nobody"),
    (breaks("UPDATE compute_node SET is_active = 0"), "'b' (2) is running with compute node 1, which is gone"),
    (breaks("UPDATE job SET node_id = 1 WHERE name = 'a'"), "is completed with compute node 1, which should have let"),
    (breaks("UPDATE job SET node_id = NULL WHERE name = 'b'"), "'b' (2) is running with nobody"),
    (breaks("DELETE FROM result"), "'a' (1) has lost its result"),
    (breaks("UPDATE job SET result_id = NULL WHERE name = 'a'"), "'a' (1) has lost its result"),
    (breaks("UPDATE result SET attempt_id = 7"), "has a result for run 1, attempt 7; it is at run 1, attempt 1"),
    (breaks("UPDATE job SET status = 6 WHERE name = 'a'"), "is failed, the change log ends with completed"),
    (logs("a", "ready"), "is completed, the change log ends with ready"),
    (logs("c", "ready", "pending"), "'c' (3) was handed out while 'b' was running"),
    (logs("c", "running"), "'c' (3) went from blocked to running"),
    (logs("c", "ready"), "'c' (3) is blocked, the change log ends with ready"),
]


@pytest.mark.parametrize(("act", "told"), BROKEN, ids=[told for _, told in BROKEN])
def test_whatever_does_not_hold_together_is_told(stage: Stage, act: Callable[[Flow], None], told: str) -> None:
    flow = stage.flow(job("a"), job("b", "a"), job("c", "b"))
    runner = flow.runner()
    runner.takes()
    runner.ends("a", slots=1)
    runner.starts("b")
    assert problems(stage, torc_clients=False) == []
    act(flow)
    found = problems(stage, torc_clients=False)
    stage.write(lambda batch: batch.run("DELETE FROM workflow"))
    assert any(told in each for each in found), found


def test_a_job_that_is_handed_out_before_a_barrier_ended_is_told(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b"), job("c", "a b"), job("d", "a b"), barriers=True)
    flow.runner(cpus=2).takes(1)
    assert problems(stage) == []
    breaks("UPDATE barrier SET bad = 1")(flow)
    logs("c", "ready", "pending", "ready", "blocked")(flow)
    assert problems(stage) == [
        "barrier 1 counts 2 parents to wait for and 1 without success, there are 2 and 0",
        "job 'c' (3) was handed out while 2 parents of barrier 1 were under way",
    ]
    stage.write(lambda batch: batch.run("DELETE FROM workflow"))


def test_a_job_that_starts_before_its_parent_ended_is_told_when_clocks_can_be_compared(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    runner = flow.runner(boot_id="this host")
    runner.takes()
    runner.send(runner.request(results=[runner.result("a", start_ms=1_000, end_ms=9_000)], slots=1))
    runner.send(runner.request(results=[runner.result("b", start_ms=8_000, end_ms=9_500)]))
    assert problems(stage) == ["job 'b' (2) started 1000 ms before job 'a' ended"]
    assert problems(stage, one_clock=False) == []
    stage.write(lambda batch: batch.run("DELETE FROM workflow"))


def test_a_job_that_ran_twice_in_one_attempt_is_told(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    flow.runner().takes()
    logs("a", "running", "ready", "pending", "running", "ready", "pending")(flow)
    assert problems(stage) == ["job 'a' (1) ran 2 times in 1 attempts"]
    stage.write(lambda batch: batch.run("DELETE FROM workflow"))


def test_what_torcs_clients_may_do_is_no_problem(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"), job("c"))
    flow.complete("c")
    flow.put_status("b", "ready")
    assert flow.claim(2) == ["a", "b"]
    flow.complete("b")
    flow.put_status("a", "uninitialized")
    assert problems(stage) == []


def test_moves_of_one_transaction_are_logged_in_their_order(stage: Stage) -> None:
    """A job that one call makes ready and the next hands out must not look ready in the end."""
    flow = stage.flow(job("a"), job("b"), job("c", "a"))
    flow.claim(1)

    def ends_a(batch: Batch) -> None:
        result = Result(
            job_id=flow.ids["a"], workflow_id=flow.id, run_id=1, compute_node_id=1, return_code=0,
            exec_time_minutes=0.1, completion_time="2026-01-01T00:00:00.000Z", status="completed",
        )  # fmt: skip
        complete_job(batch, flow.ids["a"], JobStatus.COMPLETED, 1, result)

    def claims(batch: Batch) -> object:
        return claim_next_jobs(batch, flow.id, 1)

    stage.write_together(claims, ends_a, claims)
    assert flow.changes()[-4:] == [
        ("pending", ["b"]),
        ("completed", ["a"]),
        ("ready", ["c"]),
        ("pending", ["c"]),
    ]
