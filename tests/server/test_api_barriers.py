"""A barrier is seen as the dependencies that it stands for."""

from __future__ import annotations

import uuid

import httpx
import msgspec
import pytest

from tests.server_process import ServerProcess
from torc_core.models.plan import (
    PlanBarriers,
    PlanEnd,
    PlanJobs,
    PlannedBarrier,
    PlannedJob,
    PlannedWorkflow,
    PlanStart,
)

A, B = 4, 3


@pytest.fixture(scope="module")
def http(shared_server: ServerProcess) -> httpx.Client:
    return shared_server.client()


def store(http: httpx.Client, parents: int, children: int) -> tuple[int, list[int]]:
    """A workflow in which `parents` jobs come before `children` jobs, with one stored edge before them."""
    jobs = parents + children + 1
    lines = [
        PlanStart(str(uuid.uuid4()), PlannedWorkflow("wide", "tester"), jobs, barriers=1, initialize=True),
        PlanJobs([PlannedJob("root", "true")] + [PlannedJob(f"a{i}", "true") for i in range(parents)]),
        PlanBarriers([PlannedBarrier([(1, parents)])]),
        PlanJobs([PlannedJob(f"b{i}", "true", depends_on=[] if i else [0], barriers=[0]) for i in range(children)]),
        PlanEnd(),
    ]
    answer = http.post("/workflows/from_plan", content=b"\n".join(msgspec.json.encode(line) for line in lines))
    workflow_id = answer.json()["workflow_id"]
    return workflow_id, http.get(f"/workflows/{workflow_id}/job_ids").json()["job_ids"]


def test_pages_of_dependencies_join_to_the_whole(http: httpx.Client) -> None:
    workflow_id, ids = store(http, A, B)
    root, above, below = ids[0], ids[1 : A + 1], ids[A + 1 :]
    expected = [(below[0], root), *((child, parent) for child in below for parent in above)]

    for limit in (1, 3, 5, 100):
        seen: list[tuple[int, int]] = []
        for offset in range(0, len(expected), limit):
            page = http.get(f"/workflows/{workflow_id}/job_dependencies?offset={offset}&limit={limit}").json()
            assert page["total_count"] == len(expected)
            seen += [(item["job_id"], item["depends_on_job_id"]) for item in page["items"]]
        assert seen == expected


def test_a_job_shows_its_parents_and_its_children(http: httpx.Client) -> None:
    workflow_id, ids = store(http, A, B)
    above, below = ids[1 : A + 1], ids[A + 1 :]
    assert http.get(f"/jobs/{below[1]}").json()["depends_on_job_ids"] == above
    listed = http.get(f"/jobs?workflow_id={workflow_id}&upstream_job_id={above[2]}").json()
    assert [item["id"] for item in listed["items"]] == below


def test_a_job_of_very_many_parents_says_how_many(http: httpx.Client) -> None:
    _, ids = store(http, 1001, 1)
    job = http.get(f"/jobs/{ids[-1]}").json()
    assert job["depends_on_count"] == 1002
    assert "depends_on_job_ids" not in job


def test_dependencies_that_are_replaced_leave_the_barrier_to_the_others(http: httpx.Client) -> None:
    workflow_id, ids = store(http, A, B)
    above, below = ids[1 : A + 1], ids[A + 1 :]
    http.post(f"/workflows/{workflow_id}/reset_job_status")
    body = {"workflow_id": workflow_id, "name": "b1", "command": "true", "depends_on_job_ids": [above[0]]}
    assert http.put(f"/jobs/{below[1]}", json=body).json()["depends_on_job_ids"] == [above[0]]
    assert http.get(f"/jobs/{below[2]}").json()["depends_on_job_ids"] == above


def test_deleting_a_parent_takes_it_from_the_barrier(http: httpx.Client) -> None:
    workflow_id, ids = store(http, 1, B)
    http.delete(f"/jobs/{ids[1]}")
    jobs = http.get(f"/jobs?workflow_id={workflow_id}").json()["items"]
    assert {job["name"]: job["status"] for job in jobs} == {
        "root": "ready", "b0": "blocked", "b1": "ready", "b2": "ready",
    }  # fmt: skip
