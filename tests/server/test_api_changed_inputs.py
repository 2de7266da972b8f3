"""What this server says of changed inputs and of dependencies, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.server_process import ServerProcess


@pytest.fixture
def http(shared_server: ServerProcess) -> Iterator[httpx.Client]:
    with shared_server.client() as client:
        yield client


def made(http: httpx.Client, path: str, /, **body: Any) -> dict[str, Any]:
    row: dict[str, Any] = http.post(path, json=body).raise_for_status().json()
    return row


@pytest.fixture
def flow(http: httpx.Client) -> tuple[int, list[int], list[int]]:
    """A workflow whose second job reads what the first one writes: its id, the ids of the jobs, of the files."""
    number = made(http, "/workflows", name="w", user="u")["id"]
    files = [
        made(http, "/files", workflow_id=number, name=name, path=f"{name}.txt", st_mtime=5.5)["id"]
        for name in ("raw", "mid")
    ]
    first = made(http, "/jobs", workflow_id=number, name="a", command="c", input_file_ids=files[:1],
                 output_file_ids=files[1:])["id"]  # fmt: skip
    second = made(http, "/jobs", workflow_id=number, name="b", command="c", input_file_ids=files[1:], cwd="sub")["id"]
    return number, [first, second], files


def completed(http: httpx.Client, number: int, jobs: list[int]) -> None:
    http.post(f"/workflows/{number}/initialize_jobs").raise_for_status()
    node = made(
        http, "/compute_nodes", workflow_id=number, hostname="h", pid=1, start_time="2026-01-01T00:00:00Z", num_cpus=1,
        memory_gb=1, num_gpus=0, num_nodes=1, compute_node_type="local",
    )["id"]  # fmt: skip
    for job in jobs:
        body = {
            "job_id": job, "workflow_id": number, "run_id": 0, "compute_node_id": node, "return_code": 0,
            "exec_time_minutes": 0.1, "completion_time": "2026-01-01T00:00:00.000Z", "status": "completed",
        }  # fmt: skip
        answer = http.post(f"/jobs/{job}/complete_job/completed/0", json=body)
        assert answer.status_code == 200, answer.text


def test_watched_files_come_with_their_folder_and_state(
    http: httpx.Client, flow: tuple[int, list[int], list[int]]
) -> None:
    number, _, (raw, mid) = flow
    shown = http.get(f"/workflows/{number}/watched_files").json()
    assert shown["files"] == [[raw, "raw.txt", 5.5, None, False], [mid, "mid.txt", 5.5, None, True]]
    seen = {"files": [{"id": raw, "st_mtime": 7.5, "size": 9}]}
    assert http.put(f"/workflows/{number}/watched_files", json=seen).json() == {"recorded_count": 1}
    assert http.get(f"/workflows/{number}/watched_files").json()["files"][0] == [raw, "raw.txt", 7.5, 9, False]


def test_the_plan_and_its_execution(http: httpx.Client, flow: tuple[int, list[int], list[int]]) -> None:
    number, jobs, (raw, _) = flow
    completed(http, number, jobs)
    seen = {"files": [{"id": raw, "st_mtime": 9.5, "size": 3}]}
    plan = http.post(f"/workflows/{number}/reinitialize", params={"dry_run": "true"}, json=seen).json()
    assert plan == {
        "workflow_id": number, "name": "w", "run_id": 0, "dry_run": True,
        "changed": [{"job_id": jobs[0], "name": "a", "status": "completed",
                     "reasons": ["file raw.txt changed: modified 1970-01-01 00:00:09 UTC"]}],
        "changed_count": 1, "below_count": 1, "uninitialized_count": 0, "kept_count": 0,
    }  # fmt: skip
    done = http.post(f"/workflows/{number}/reinitialize", params={"limit": 0}, json=seen).json()
    assert (done["changed"], done["changed_count"], done["run_id"]) == ([], 1, 1)
    statuses = [job["status"] for job in http.get("/jobs", params={"workflow_id": number}).json()["items"]]
    assert statuses == ["ready", "blocked"]


def test_a_change_that_the_server_knows_needs_no_body(
    http: httpx.Client, flow: tuple[int, list[int], list[int]]
) -> None:
    number, jobs, (raw, _) = flow
    completed(http, number, jobs)
    body = {"workflow_id": number, "name": "raw", "path": "raw.txt", "st_mtime": 70.5}
    http.put(f"/files/{raw}", json=body).raise_for_status()
    plan = http.post(f"/workflows/{number}/reinitialize?dry_run=true").json()
    assert [job["name"] for job in plan["changed"]] == ["a"]


def test_what_cannot_be(http: httpx.Client, flow: tuple[int, list[int], list[int]]) -> None:
    number, _, _ = flow
    assert http.post("/workflows/999999/reinitialize").status_code == 404
    assert http.get("/workflows/999999/watched_files").status_code == 404
    assert http.get("/workflows/999999/dependency_graph").status_code == 404
    assert http.post(f"/workflows/{number}/reinitialize?limit=-1").status_code == 422
    assert http.post(f"/workflows/{number}/reinitialize", json={"files": 1}).status_code == 400


def test_the_graph_has_what_files_imply_before_and_after_initialisation(
    http: httpx.Client, flow: tuple[int, list[int], list[int]]
) -> None:
    number, (first, second), _ = flow
    for _ in range(2):
        graph = http.get(f"/workflows/{number}/dependency_graph").json()
        assert graph["jobs"] == [[first, "a"], [second, "b"]]
        assert (graph["edges"], graph["barriers"]) == ([[second, first]], [])
        http.post(f"/workflows/{number}/initialize_jobs").raise_for_status()
