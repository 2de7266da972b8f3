"""When jobs ran and where: few numbers, whatever there is of jobs."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.tui.driver import Workshop

BEGAN = 1_700_000_000_000
"""A moment long ago, in ms since 1970."""


def asked(shop: Workshop, workflow_id: int, **query: Any) -> dict[str, Any]:
    answer = shop.http.get(f"/workflows/{workflow_id}/timeline", params=query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def ran(shop: Workshop, name: str, *seconds: tuple[int, int], host: str = "n17", workflow_id: int = 0) -> int:
    """A workflow whose jobs ran from one second to another after BEGAN, or some more jobs of one."""
    if not workflow_id:
        workflow_id, _ = shop.many(name, len(seconds))
    runner = shop.runner(workflow_id, host)
    for job, (start, end) in zip(runner.claim(len(seconds)), seconds, strict=True):
        runner.finish(job, start_ms=BEGAN + 1000 * start, end_ms=BEGAN + 1000 * end)
    runner.leave()
    return workflow_id


def test_loads_are_the_jobs_that_ran_at_the_same_time_on_average(shop: Workshop) -> None:
    told = asked(shop, ran(shop, "loads", (0, 100), (10, 20), (15, 35), (99, 100)), parts=10)
    assert (told["from_ms"], told["step_ms"]) == (BEGAN, 10_000)
    assert told["all"]["running"] == [1, 2.5, 2, 1.5, 1, 1, 1, 1, 1, 1.1]
    (node,) = told["nodes"]
    assert (node["host"], node["jobs"], node["running"]) == ("n17", 4, told["all"]["running"])
    assert (told["attempts"], told["total"], told["is_running"]) == (4, 4, False)


def test_bars_are_the_attempts_by_start_in_pages(shop: Workshop) -> None:
    workflow_id = ran(shop, "bars", (5, 6), (0, 3), (1, 9), (2, 2))
    told = asked(shop, workflow_id, offset=1, limit=2)
    assert [(bar["start"] - BEGAN, bar["end"] - BEGAN) for bar in told["bars"]] == [(1000, 9000), (2000, 2000)]
    assert told["total"] == 4
    assert {bar["status"] for bar in told["bars"]} == {"completed"}


def test_a_part_of_the_time_leaves_out_what_did_not_run_then(shop: Workshop) -> None:
    workflow_id = ran(shop, "window", (0, 10), (5, 30), (40, 50))
    told = asked(shop, workflow_id, parts=4, from_ms=BEGAN + 20_000, to_ms=BEGAN + 40_000)
    assert told["all"]["running"] == [1, 1, 0, 0]
    assert [bar["start"] - BEGAN for bar in told["bars"]] == [5000]
    assert (told["total"], told["attempts"]) == (1, 3)
    nothing = asked(shop, workflow_id, from_ms=BEGAN + 60_000, to_ms=BEGAN + 70_000)
    assert (nothing["nodes"], nothing["bars"], nothing.get("all")) == ([], [], None)


def test_each_runner_has_its_own_load_and_bars(shop: Workshop) -> None:
    workflow_id, _ = shop.many("nodes", 3)
    ran(shop, "", (0, 10), (0, 10), host="a1", workflow_id=workflow_id)
    ran(shop, "", (5, 10), host="b2", workflow_id=workflow_id)
    told = asked(shop, workflow_id, parts=2)
    assert [(node["host"], node["running"]) for node in told["nodes"]] == [("a1", [2, 2]), ("b2", [0, 1])]
    assert told["all"]["running"] == [2, 3]
    second = told["nodes"][1]["id"]
    only = asked(shop, workflow_id, parts=2, node=second)
    assert [bar["node"] for bar in only["bars"]] == [second]
    assert (only["total"], only["nodes"]) == (1, told["nodes"])


def test_of_very_many_runners_only_some_are_told_among_them_the_one_that_is_asked_for(shop: Workshop) -> None:
    workflow_id, _ = shop.many("crowd", 66)
    for number in range(66):
        ran(shop, "", (number, number + 1), host=f"n{number}", workflow_id=workflow_id)
    told = asked(shop, workflow_id)
    assert (len(told["nodes"]), told["nodes_total"]) == (64, 66)
    last = max(bar["node"] for bar in told["bars"])
    assert asked(shop, workflow_id, node=last)["nodes"][-1]["host"] == "n65"


def test_a_job_that_runs_is_a_bar_without_an_end(shop: Workshop) -> None:
    workflow_id, (job_id,) = shop.workflow("live", {})
    assert asked(shop, workflow_id)["bars"] == []
    runner = shop.runner(workflow_id)
    runner.claim()
    told = asked(shop, workflow_id)
    (bar,) = told["bars"]
    assert (bar["id"], bar["status"], "end" in bar, told["is_running"]) == (job_id, "running", False, True)
    assert told["from_ms"] == bar["start"]
    assert told["from_ms"] + told["step_ms"] * 100 >= told["now_ms"]
    runner.leave()


def test_the_place_of_a_job_among_the_bars_is_told(shop: Workshop) -> None:
    workflow_id = ran(shop, "anchor", (3, 4), (1, 2), (0, 9), (2, 3))
    jobs = [bar["id"] for bar in asked(shop, workflow_id)["bars"]]
    for place, job in enumerate(jobs):
        told = asked(shop, workflow_id, anchor=job, limit=1)
        assert told["anchor"] == place
    assert asked(shop, workflow_id, anchor=999_999).get("anchor") is None


def test_results_of_torcs_own_runners_are_placed_by_when_they_ended(shop: Workshop) -> None:
    workflow_id, (job_id,) = shop.workflow("torc", {})
    runner = shop.runner(workflow_id)
    shop.http.post(f"/workflows/{workflow_id}/claim_next_jobs", params={"limit": 1}).raise_for_status()
    result = {
        "workflow_id": workflow_id, "job_id": job_id, "run_id": 0, "attempt_id": 1, "return_code": 0,
        "compute_node_id": runner.node_id, "exec_time_minutes": 0.5, "status": "completed",
        "completion_time": "2026-01-01T00:01:00+00:00",
    }  # fmt: skip
    answer = shop.http.post(f"/jobs/{job_id}/complete_job/completed/0", json=result)
    assert answer.status_code == 200, answer.text
    (bar,) = asked(shop, workflow_id)["bars"]
    assert time.strftime("%H:%M:%S", time.gmtime(bar["start"] / 1000 + 0.5)) == "00:00:30"
    assert bar["end"] - bar["start"] == pytest.approx(30_000, abs=2)
    runner.leave()


@pytest.mark.parametrize(
    "query", [{"parts": 0}, {"parts": 401}, {"limit": 201}, {"limit": -1}, {"from_ms": 5, "to_ms": 5}]
)
def test_what_would_be_large_or_is_no_time_is_refused(shop: Workshop, query: dict[str, int]) -> None:
    workflow_id, _ = shop.workflow("refused", {})
    answer = shop.http.get(f"/workflows/{workflow_id}/timeline", params=query)
    assert answer.status_code == 422, answer.text
    assert next(iter(query)) in answer.text
    assert shop.http.get("/workflows/99999999/timeline").status_code == 404
