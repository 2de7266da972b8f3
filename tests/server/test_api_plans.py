"""A workflow created in one request, as a stream of JSON lines."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.runner.waiting import until
from tests.server_process import ServerProcess


@pytest.fixture
def http(shared_server: ServerProcess) -> Iterator[httpx.Client]:
    with shared_server.client() as client:
        yield client


def plan(*, initialize: bool = True, **changes: Any) -> list[dict[str, Any]]:
    """Two jobs, the second reading what the first writes."""
    name = str(uuid.uuid4())
    start = {
        "kind": "workflow", "uuid": name, "workflow": {"name": name, "user": "me"},
        "jobs": 2, "files": 1, "initialize": initialize, **changes,
    }  # fmt: skip
    return [
        start,
        {"kind": "files", "items": [{"name": "f", "path": "f.txt"}]},
        {"kind": "jobs", "items": [{"name": "a", "command": "true", "output_files": [0]},
                                   {"name": "b", "command": "true", "input_files": [0]}]},
        {"kind": "end"},
    ]  # fmt: skip


def encoded(lines: list[dict[str, Any]]) -> bytes:
    return "\n".join(map(json.dumps, lines)).encode()


def stored(server: ServerProcess, lines: list[dict[str, Any]]) -> int:
    """How many workflows of this plan are in the database, hidden ones too."""
    with closing(sqlite3.connect(server.database)) as db:
        found = db.execute("SELECT count(*) FROM workflow WHERE name = ?", (lines[0].get("uuid"),)).fetchone()
    return int(found[0])


def test_a_plan_in_small_pieces_becomes_an_initialised_workflow(http: httpx.Client) -> None:
    body = encoded(plan())
    answer = http.post("/workflows/from_plan", content=iter([body[i : i + 5] for i in range(0, len(body), 5)]))
    assert answer.status_code == 200
    workflow_id = answer.json()["workflow_id"]
    jobs = http.get(f"/jobs?workflow_id={workflow_id}&include_relationships=true").json()["items"]
    assert [(job["name"], job["status"]) for job in jobs] == [("a", "ready"), ("b", "blocked")]
    assert jobs[1]["depends_on_job_ids"] == [jobs[0]["id"]]
    assert http.get(f"/workflows/{workflow_id}/status").json()["run_id"] == 1


def test_a_plan_may_be_large(http: httpx.Client) -> None:
    jobs = [{"name": f"j{i}", "command": "true " + "x" * 1500} for i in range(10_000)]
    start, *_, end = plan(jobs=len(jobs), files=0)
    lines = [{"kind": "jobs", "items": jobs[i : i + 1000]} for i in range(0, len(jobs), 1000)]
    answer = http.post("/workflows/from_plan", content=encoded([start, *lines, end]))
    assert answer.json()["jobs"] == 10_000
    summary = http.get(f"/workflows/{answer.json()['workflow_id']}/summary").json()
    assert summary["counts"]["ready"] == 10_000


def test_repeating_a_plan_finds_the_workflow_it_made(http: httpx.Client, shared_server: ServerProcess) -> None:
    lines = plan()
    body = encoded(lines)
    first = http.post("/workflows/from_plan", content=body).json()
    again = http.post("/workflows/from_plan", content=body).json()
    assert again == {**first, "repeated": True}
    assert stored(shared_server, lines) == 1


@pytest.mark.parametrize(
    ("lines", "status", "message"),
    [
        (plan()[:3], 422, "cut off"),
        (plan(jobs=3), 422, "announced 3 job and brought 2"),
        (plan()[1:], 422, "begins with"),
        ([plan()[0], {"kind": "nonsense"}], 400, "line 2"),
    ],
)
def test_a_plan_that_is_not_whole_leaves_nothing(
    http: httpx.Client, shared_server: ServerProcess, lines: list[dict[str, Any]], status: int, message: str
) -> None:
    answer = http.post("/workflows/from_plan", content=encoded(lines))
    assert answer.status_code == status
    assert message in answer.text
    assert stored(shared_server, lines) == 0


def test_a_plan_of_a_caller_that_is_gone_leaves_nothing(http: httpx.Client, shared_server: ServerProcess) -> None:
    lines = plan()

    def broken() -> Iterator[bytes]:
        yield encoded(lines[:2]) + b"\n"
        until(lambda: stored(shared_server, lines) == 1, "the plan's beginning")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        http.post("/workflows/from_plan", content=broken())
    until(lambda: stored(shared_server, lines) == 0, "the end of what was begun")
