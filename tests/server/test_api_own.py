"""What this server has beyond torc's interface: summary, restart, cancel and explain of jobs, the exchange."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from litestar.handlers import HTTPRouteHandler

from tests.server_process import ServerProcess
from torc_core.models.status import JobStatus
from torc_server.app import ROUTES


@pytest.fixture
def http(shared_server: ServerProcess) -> Iterator[httpx.Client]:
    with shared_server.client() as client:
        yield client


def new_workflow(http: httpx.Client, *jobs: dict[str, Any], initialize: bool = True) -> tuple[int, list[int]]:
    """A workflow with these jobs; `after` names the position of a parent."""
    workflow_id = http.post("/workflows", json={"name": "w", "user": "u"}).json()["id"]
    ids: list[int] = []
    for i, job in enumerate(jobs):
        parents = [ids[job.pop("after")]] if "after" in job else []
        body = {"workflow_id": workflow_id, "name": f"j{i}", "command": "true", "depends_on_job_ids": parents, **job}
        ids.append(http.post("/jobs", json=body).json()["id"])
    if initialize:
        http.post(f"/workflows/{workflow_id}/initialize_jobs")
    return workflow_id, ids


def statuses(http: httpx.Client, workflow_id: int) -> list[str]:
    return [job["status"] for job in http.get(f"/jobs?workflow_id={workflow_id}").json()["items"]]


def register(http: httpx.Client, workflow_id: int, name: str | None = None) -> dict[str, Any]:
    body = {
        "workflow_id": workflow_id, "hostname": "h", "pid": 1, "start_time": "2024-01-01T00:00:00Z", "num_cpus": 2,
        "memory_gb": 4, "num_gpus": 0, "num_nodes": 1, "compute_node_type": "local", "uuid": name or str(uuid.uuid4()),
    }  # fmt: skip
    node: dict[str, Any] = http.post("/compute_nodes", json=body).json()
    return node


def exchange(http: httpx.Client, workflow_id: int, node_id: int, **said: Any) -> httpx.Response:
    body = {"sequence": 1, "free": {"num_cpus": 2, "memory_bytes": 4 << 30}, "slots": 2, **said}
    return http.post(f"/workflows/{workflow_id}/compute_nodes/{node_id}/exchange", json=body)


def test_a_summary_counts_jobs_in_every_status(http: httpx.Client) -> None:
    workflow_id, _ = new_workflow(http, {}, {"after": 0}, {})
    summary = http.get(f"/workflows/{workflow_id}/summary").json()
    assert summary["counts"] == {**{s.label: 0 for s in JobStatus}, "ready": 2, "blocked": 1}
    assert (summary["total"], summary["is_complete"], summary["active_nodes"]) == (3, False, 0)
    register(http, workflow_id)
    assert http.get(f"/workflows/{workflow_id}/summary").json()["active_nodes"] == 1


def test_a_runner_gets_jobs_and_its_results_release_others(http: httpx.Client) -> None:
    workflow_id, ids = new_workflow(http, {}, {"after": 0})
    node = register(http, workflow_id)
    (job,) = exchange(http, workflow_id, node["id"]).json()["jobs"]
    assert job["job_id"] == ids[0]
    result = {
        "job_id": ids[0], "run_id": job["run_id"], "attempt_id": job["attempt_id"], "status": "completed",
        "return_code": 0, "start_ms": 1_700_000_000_000, "end_ms": 1_700_000_060_000,
    }  # fmt: skip
    held = [[ids[0], job["attempt_id"]]]
    answer = exchange(http, workflow_id, node["id"], sequence=2, results=[result], held=held).json()
    assert [job["job_id"] for job in answer["jobs"]] == [ids[1]]
    (stored,) = http.get(f"/results?workflow_id={workflow_id}").json()["items"]
    assert (stored["status"], stored["exec_time_minutes"], stored["start_time"]) == (
        "completed", 1.0, "2023-11-14T22:13:20.000Z",
    )  # fmt: skip


def test_registering_twice_finds_the_same_node(http: httpx.Client) -> None:
    workflow_id, _ = new_workflow(http)
    node = register(http, workflow_id, "one")
    assert register(http, workflow_id, "one")["id"] == node["id"]
    other, _ = new_workflow(http)
    assert "error" in register(http, other, "one")


def test_an_exchange_of_an_unknown_node_is_404_and_of_nonsense_400(http: httpx.Client) -> None:
    workflow_id, _ = new_workflow(http)
    assert exchange(http, workflow_id, 999_999).status_code == 404
    node = register(http, workflow_id)
    assert exchange(http, workflow_id + 1, node["id"]).status_code == 404
    assert exchange(http, workflow_id, node["id"], slots="two").status_code == 400


def test_canceling_a_job_cancels_what_waits_for_it(http: httpx.Client) -> None:
    workflow_id, ids = new_workflow(http, {}, {"after": 0}, {"after": 0, "cancel_on_blocking_job_failure": False})
    assert http.post(f"/jobs/{ids[0]}/cancel").json()["status"] == "canceled"
    assert statuses(http, workflow_id) == ["canceled", "canceled", "ready"]
    assert http.post("/jobs/999999/cancel").status_code == 404


def test_a_blocked_job_is_explained_by_its_parents(http: httpx.Client) -> None:
    _, ids = new_workflow(http, {"name": "first"}, {"after": 0})
    explanation = http.get(f"/jobs/{ids[1]}/explain").json()
    assert explanation["status"] == "blocked"
    assert "first" in explanation["why"] + "".join(explanation["details"])


def test_a_restart_says_what_it_would_do_before_it_does_it(http: httpx.Client) -> None:
    workflow_id, ids = new_workflow(http, {}, {"after": 0})
    http.post(f"/jobs/{ids[0]}/cancel")
    plan = http.post(f"/workflows/{workflow_id}/restart?dry_run=true").json()
    assert (plan["jobs"], plan["by_status"], plan["kept"]) == (2, {"canceled": 2}, 0)
    assert statuses(http, workflow_id) == ["canceled", "canceled"]
    assert http.post(f"/workflows/{workflow_id}/restart").json()["run_id"] == 1
    assert statuses(http, workflow_id) == ["ready", "blocked"]


def test_deleting_a_job_releases_what_waited_only_for_it(http: httpx.Client) -> None:
    workflow_id, ids = new_workflow(http, {}, {"after": 0})
    http.delete(f"/jobs/{ids[0]}")
    assert statuses(http, workflow_id) == ["ready"]
    assert http.get(f"/workflows/{workflow_id}/summary").json()["total"] == 1


def test_deleting_all_jobs_leaves_an_empty_complete_workflow(http: httpx.Client) -> None:
    workflow_id, _ = new_workflow(http, {}, {"after": 0})
    assert http.delete(f"/jobs?workflow_id={workflow_id}").json() == {"count": 2}
    summary = http.get(f"/workflows/{workflow_id}/summary").json()
    assert (summary["total"], summary["is_complete"]) == (0, True)


def test_a_large_workflow_is_deleted_whole_while_others_are_served(http: httpx.Client) -> None:
    workflow_id, _ = new_workflow(http, initialize=False)
    jobs = [{"workflow_id": workflow_id, "name": f"j{i}", "command": "true"} for i in range(3000)]
    http.post("/bulk_jobs", json={"jobs": jobs})
    assert http.delete(f"/workflows/{workflow_id}").status_code == 200
    assert http.get(f"/workflows/{workflow_id}").status_code == 404
    assert http.get(f"/jobs?workflow_id={workflow_id}").json()["total_count"] == 0


def test_pages_of_equal_names_do_not_overlap(http: httpx.Client) -> None:
    workflow_id, ids = new_workflow(http, *({"name": "same"} for _ in range(5)))
    seen: list[int] = []
    for offset in range(0, 5, 2):
        page = http.get(f"/jobs?workflow_id={workflow_id}&sort_by=name&limit=2&offset={offset}").json()
        seen += [job["id"] for job in page["items"]]
    assert seen == ids


def test_env_cwd_and_priority_of_a_job_come_back(http: httpx.Client) -> None:
    _, ids = new_workflow(http, {"env": {"A": "1"}, "cwd": "/somewhere", "priority": 3})
    job = http.get(f"/jobs/{ids[0]}").json()
    assert (job["env"], job["cwd"], job["priority"]) == ({"A": "1"}, "/somewhere", 3)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"name":"\\ud800","user":"u"}',
        b'{"name":"\xff","user":"u"}',
        b'{"name":NaN,"user":"u"}',
        b'{"name":"x","user":"u","metadata":1e999}',
    ],
)
def test_hostile_json_is_a_400(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/workflows", content=body)
    assert answer.status_code == 400
    assert answer.text.startswith("Couldn't parse body parameter body")


def references(part: Any) -> Iterator[str]:
    """Every `$ref` in a part of the document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_the_openapi_document_describes_every_endpoint_and_resolves(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    served = {
        (str(method).lower(), re.sub(r"\{(\w+):\w+\}", r"{\1}", path))
        for handler in ROUTES
        if isinstance(handler, HTTPRouteHandler)
        for method in handler.http_methods
        for path in handler.paths
    }
    assert described == served
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    found = set(references(document))
    assert found
    assert found <= schemas
    jobs = document["paths"]["/torc-service/v1/jobs"]
    assert {parameter["name"] for parameter in jobs["get"]["parameters"]} >= {"workflow_id", "status", "limit"}
    reference = jobs["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert reference == "#/components/schemas/Job"
    assert "command" in document["components"]["schemas"]["Job"]["properties"]


def test_anything_else_is_a_page_for_browsers(shared_server: ServerProcess) -> None:
    page = httpx.get(f"http://127.0.0.1:{shared_server.port}/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "torc tui" in page.text


def test_a_runner_that_is_active_cannot_be_deleted(http: httpx.Client) -> None:
    workflow_id, _ = new_workflow(http)
    node = register(http, workflow_id)
    assert http.delete(f"/compute_nodes/{node['id']}").status_code == 409
    assert http.delete(f"/compute_nodes?workflow_id={workflow_id}").json() == {"count": 0}
    exchange(http, workflow_id, node["id"], leaving=True)
    assert http.delete(f"/compute_nodes/{node['id']}").status_code == 200


def test_two_processes_cannot_be_the_same_runner(http: httpx.Client) -> None:
    workflow_id, _ = new_workflow(http, {})
    node = register(http, workflow_id, f"one of {workflow_id}")
    assert register(http, workflow_id, f"one of {workflow_id}") == node
    refused = http.post("/compute_nodes", json={**node, "pid": 2})
    assert refused.status_code == 409
    assert "is registered by process 1 on h" in refused.json()["error"]["message"]


def test_a_workflow_that_is_over_cannot_be_made_to_read_canceled(http: httpx.Client) -> None:
    workflow_id, (job,) = new_workflow(http, {})
    node = register(http, workflow_id)
    http.put(f"/jobs/{job}/manage_status_change/disabled/0").raise_for_status()
    http.put(f"/compute_nodes/{node['id']}", json={**node, "is_active": False}).raise_for_status()
    assert http.put(f"/workflows/{workflow_id}/cancel").json()["is_canceled"] is False
    http.put(f"/compute_nodes/{node['id']}", json={**node, "is_active": True}).raise_for_status()
    assert http.put(f"/workflows/{workflow_id}/cancel").json()["is_canceled"] is True
