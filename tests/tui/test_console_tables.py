"""The endpoints that the console's tables read: filters, orders, pages and anchors."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop
from tests.tui.test_pulse import with_a_huge_job
from torc_server.api.console_nodes import MAY_BE_STUCK
from torc_tui.rendering import tables
from torc_tui.rendering.columns import Column

CODES = {"work_1": 1, "work_3": 2}


@pytest.fixture(scope="module")
def jobs(tui_server: ServerProcess) -> tuple[Workshop, int]:
    """A workflow of six jobs that ended (two of them failed) and one that waits."""
    shop = Workshop(tui_server.client())
    made = [{"name": f"work_{i}", "command": f"run --seed {i}"} for i in range(6)]
    workflow_id, _ = shop.workflow("tables_of_it", *made, {"name": "after 100%", "after": 1})
    shop.end(workflow_id, **CODES)
    return shop, workflow_id


def page(jobs: tuple[Workshop, int], table: str = "jobs", **query: Any) -> dict[str, Any]:
    shop, workflow_id = jobs
    answer = shop.http.get(f"/console/workflows/{workflow_id}/{table}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "0 1 2 3 4 5 a"), ("status=failed", "1 3"), ("status = FAILED", "1 3"), ("!status=failed", "0 2 4 5 a"),
        ("status!=failed", "0 2 4 5 a"), ("status in (failed, canceled)", "1 3 a"), ("status~cancel", "a"),
        ("exit>1", "3"), ("exit>=1 exit<2", "1"), ("exit=none", "a"), ("exit!=none", "0 1 2 3 4 5"), ("work_3", "3"),
        ("!work", "a"), ("work status=completed", "0 2 4 5"), ("WORK_1", "1"), ('name="after 100%"', "a"),
        ('"after 1"', "a"), ("100%", "a"), ("%", "a"), ("w_rk", ""), ("mem>100m", "0 1 2 3 4 5"), ("mem>1g", ""),
        ("mem=123m", "0 1 2 3 4 5"), ("time>1s time<2s", "0 1 2 3 4 5"), ("time>1m", ""), ("command~'seed 4'", "4"),
        ("node=N17", "0 1 2 3 4 5"), ("said~wrong", "1 3"), ("name!~work", "a"), ("attempt=1 work_5", "5"),
        ("time<PT1H exit=0", "0 2 4 5"),
    ],
)  # fmt: skip
def test_a_filter_leaves_in_what_it_says(jobs: tuple[Workshop, int], text: str, names: str) -> None:
    found = page(jobs, filter=text)
    shown = [row["name"].removeprefix("work_")[:1] for row in found["items"]]
    assert shown == names.split()
    assert (found["total"], found["everything"]) == (len(shown), 7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("statsu=failed", "nearest: 'status'"), ("status=fialed", "unknown job status 'fialed'"),
        ("mem>much", "'much' is not a size"), ("exit=x", "'x' is not a number"), ("exit=", "exit = what?"),
        ("time>soon", "'soon' is not a duration"),
    ],
)  # fmt: skip
def test_a_wrong_filter_is_refused_with_the_way_out(jobs: tuple[Workshop, int], text: str, said: str) -> None:
    shop, workflow_id = jobs
    answer = shop.http.get(f"/console/workflows/{workflow_id}/jobs", params={"filter": text})
    assert answer.status_code == 422
    assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("table", "columns"),
    [("jobs", tables.JOBS), ("results", tables.RESULTS), ("files", tables.FILES), ("events", tables.EVENTS),
     ("nodes", tables.NODES), ("requirements", tables.REQUIREMENTS)],
)  # fmt: skip
def test_every_column_of_the_console_sorts_both_ways_over_pages(
    jobs: tuple[Workshop, int], table: str, columns: tuple[Column, ...]
) -> None:
    for column in columns:
        if not column.sortable:
            continue
        for sign in ("", "-"):
            sort = f"{sign}{column.name}"
            whole = [row["id"] for row in page(jobs, table, sort=sort)["items"]]
            pages = [page(jobs, table, sort=sort, offset=n, limit=2)["items"] for n in range(0, len(whole), 2)]
            assert [row["id"] for rows in pages for row in rows] == whole


def test_rows_without_a_value_come_last_in_both_orders(jobs: tuple[Workshop, int]) -> None:
    for sort in ("exit", "-exit"):
        assert page(jobs, sort=sort)["items"][-1]["name"] == "after 100%"


@pytest.mark.parametrize("sort", ["id", "-id", "name", "-status", "exit", "-exit", "-mem"])
def test_an_anchor_finds_its_row_wherever_it_is(jobs: tuple[Workshop, int], sort: str) -> None:
    whole = page(jobs, sort=sort)["items"]
    for position, row in enumerate(whole):
        found = page(jobs, sort=sort, anchor=row["id"], before=2, limit=3)
        assert found["anchor"] == position
        assert found["offset"] == max(0, position - 2)
        assert row["id"] in [each["id"] for each in found["items"]]
    assert page(jobs, anchor=whole[0]["id"], filter="name=nobody").get("anchor") is None


def test_a_job_is_told_with_all_around_it(jobs: tuple[Workshop, int]) -> None:
    shop, _ = jobs
    failed = page(jobs, filter="work_1")["items"][0]
    told = shop.http.get(f"/console/jobs/{failed['id']}").json()
    assert (told["job"]["status"], told["attempts"][0]["exit"], told["attempts"][0]["node"]) == ("failed", 1, "n17")
    assert "it went wrong" in told["attempts"][0]["stderr"]
    assert [tuple(each[1:]) for each in told["unlocks"]] == [("after 100%", "canceled")]
    assert shop.http.get("/console/jobs/999999").status_code == 404


def test_a_workflow_is_told_with_its_state_and_sizes(jobs: tuple[Workshop, int]) -> None:
    shop, workflow_id = jobs
    told = shop.http.get(f"/console/workflows/{workflow_id}").json()
    assert told["row"]["state"] == "failed"
    assert told["row"]["counts"] == {"completed": 4, "failed": 2, "canceled": 1}
    assert (told["sizes"]["jobs"], told["sizes"]["results"], told["sizes"]["nodes"]) == (7, 6, 1)
    assert shop.http.get("/console/workflows/999999").status_code == 404
    assert shop.http.get(f"/console/workflows/{workflow_id}/secrets").status_code == 404


def listed(shop: Workshop, **query: Any) -> dict[str, Any]:
    answer = shop.http.get("/console/workflows", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_list_of_workflows_counts_what_runs_and_what_asks_for_a_look_whatever_the_filter(
    workshop: Workshop,
) -> None:
    before = listed(workshop, filter="name=nobody")
    workflow_id, _ = workshop.workflow("to be counted", {"name": "good"}, {"name": "bad"})
    runner = workshop.runner(workflow_id)
    good, bad = runner.claim()

    def more() -> tuple[int, int]:
        now = listed(workshop, filter="name=nobody")
        assert (now["items"], now["total"]) == ([], 0)
        return now["active"] - before["active"], now["attention"] - before["attention"]

    assert more() == (1, 0)
    runner.finish(bad, 3)
    assert more() == (1, 1)
    runner.finish(good)
    runner.leave()
    assert more() == (0, 1)


def test_the_list_of_one_users_workflows_is_as_if_there_were_no_others(workshop: Workshop) -> None:
    mine, _ = workshop.workflow("of the lister", {"name": "a"}, user="lister")
    workshop.end(mine, a=1)
    workshop.workflow("of the lister, too", {"name": "a"}, user="lister")
    found = listed(workshop, user="lister", filter="state=failed")
    assert [row["id"] for row in found["items"]] == [mine]
    assert (found["total"], found["everything"], found["active"], found["attention"]) == (1, 2, 0, 1)


def test_a_workflow_that_cannot_go_on_is_stuck_wherever_its_state_is_said(workshop: Workshop) -> None:
    attention = listed(workshop)["attention"]
    workflow_id = with_a_huge_job(workshop, "says stuck")

    def told() -> tuple[str, str | None]:
        detail = workshop.http.get(f"/console/workflows/{workflow_id}").json()
        rows = listed(workshop, filter=f"id={workflow_id}")["items"]
        in_filter = listed(workshop, filter="state=stuck")["items"]
        assert [row["state"] for row in rows] == [detail["row"]["state"]]
        assert (workflow_id in [row["id"] for row in in_filter]) == (detail["row"]["state"] == "stuck")
        return detail["row"]["state"], (detail.get("stuck") or {}).get("why")

    assert told() == ("ready", None)
    runner = workshop.runner(workflow_id)
    (job,) = runner.claim()
    why = "jobs with requirement 'huge' need 500 CPUs and 4 GPUs; n17 offers 64 CPUs, 64 GB memory, 0 GPUs"
    assert told() == ("running", why)
    assert listed(workshop)["attention"] == attention + 1
    runner.finish(job)
    runner.leave()
    assert told() == ("stuck", why)
    assert listed(workshop)["attention"] == attention + 1
    big = workshop.runner(workflow_id, host="big", num_cpus=1000, num_gpus=8)
    assert told() == ("ready", None)
    assert listed(workshop)["attention"] == attention
    big.leave()
    small = workshop.runner(workflow_id)
    assert told() == ("stuck", why)
    workshop.http.post("/jobs", json={"workflow_id": workflow_id, "name": "added", "command": "true"})
    assert told() == ("ready", None)
    small.leave()


def test_a_workflow_is_not_stuck_while_a_runner_that_takes_any_job_has_just_come(workshop: Workshop) -> None:
    workflow_id = with_a_huge_job(workshop, "has one that takes any")
    workshop.end(workflow_id)

    def is_stuck() -> bool:
        return workflow_id in [row["id"] for row in listed(workshop, filter="state=stuck")["items"]]

    assert is_stuck()
    runner = workshop.runner(workflow_id, scheduler={"by_resources": False})
    assert not is_stuck()
    runner.leave()


def test_stuck_workflows_are_found_however_many_run(workshop: Workshop) -> None:
    workflow_id = with_a_huge_job(workshop, "behind many that run")
    workshop.end(workflow_id)
    runners = []
    for number in range(MAY_BE_STUCK + 1):
        running, _ = workshop.workflow(f"runs {number}", {"name": "a"}, {"name": "b"})
        runners.append(workshop.runner(running))
        assert runners[-1].claim(1)
    assert [row["state"] for row in listed(workshop, filter=f"id={workflow_id}")["items"]] == ["stuck"]
    for runner in runners:
        runner.leave()


@pytest.mark.parametrize(("took_s", "ago_s", "pace"), [(600, 900, 1 / 1500), (2, 50, 1 / 52), (2, 90, 0)])
def test_the_pace_of_long_jobs_is_remembered_for_longer(
    workshop: Workshop, took_s: int, ago_s: int, pace: float
) -> None:
    workflow_id, _ = workshop.workflow("slow work", {"name": "ended"}, {"name": "goes on"})
    runner = workshop.runner(workflow_id)
    ended = int(time.time() - ago_s) * 1000
    runner.finish(runner.claim()[0], start_ms=ended - took_s * 1000, end_ms=ended)

    row = workshop.http.get(f"/console/workflows/{workflow_id}").json()["row"]

    assert row["state"] == "running"
    assert row["pace"] == pytest.approx(pace, rel=0.05)
