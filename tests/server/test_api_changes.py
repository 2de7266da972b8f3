"""The stream of changes: live, resumable, and no obstacle to the end of the server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server_process import ServerProcess


@pytest.fixture
def http(shared_server: ServerProcess) -> Iterator[httpx.Client]:
    with shared_server.client() as client:
        yield client


def new_workflow(http: httpx.Client) -> int:
    workflow_id: int = http.post("/workflows", json={"name": "w", "user": "u"}).json()["id"]
    return workflow_id


def frames(stream: httpx.Response) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """(id, kind, data) of each change as it comes, once the stream has said that it begins."""
    lines = stream.iter_lines()
    assert next(lines) == ": torc"
    return changes(lines)


def changes(lines: Iterator[str]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        elif "id" in fields:
            yield int(fields["id"]), fields["event"], json.loads(fields["data"])
            fields = {}


def test_changes_of_a_workflow_come_as_they_happen(http: httpx.Client) -> None:
    workflow_id = new_workflow(http)
    with http.stream("GET", f"/changes?workflow_id={workflow_id}") as stream:
        coming = frames(stream)
        lines = stream.headers["content-type"]
        other = new_workflow(http)
        http.post("/jobs", json={"workflow_id": other, "name": "x", "command": "true"})
        job = http.post("/jobs", json={"workflow_id": workflow_id, "name": "j", "command": "true"}).json()
        http.post(f"/workflows/{workflow_id}/initialize_jobs")
        seen = [next(coming), next(coming)]
    assert lines.startswith("text/event-stream")
    assert [(kind, data["status"], data["ids"]) for _, kind, data in seen] == [
        ("jobs", "uninitialized", [job["id"]]),
        ("jobs", "ready", [job["id"]]),
    ]
    assert {data["workflow_id"] for _, _, data in seen} == {workflow_id}


def test_cleared_data_of_a_run_is_a_change(http: httpx.Client) -> None:
    workflow_id = new_workflow(http)
    with http.stream("GET", f"/changes?workflow_id={workflow_id}") as stream:
        coming = frames(stream)
        ids = [
            http.post(
                "/user_data", json={"workflow_id": workflow_id, "name": f"d{i}", "data": i, "is_ephemeral": i < 2}
            ).json()["id"]
            for i in range(3)
        ]
        http.post(f"/workflows/{workflow_id}/initialize_jobs?clear_ephemeral_user_data=true")
        seen = [next(coming) for _ in range(5)]
    assert [(kind, data["id"]) for _, kind, data in seen] == [("user_data", i) for i in [*ids, *ids[:2]]]


def test_a_stream_resumes_where_it_broke_off(http: httpx.Client) -> None:
    workflow_id = new_workflow(http)
    for i in range(4):
        http.post("/files", json={"workflow_id": workflow_id, "name": f"f{i}", "path": f"f{i}"})
    with http.stream("GET", f"/changes?workflow_id={workflow_id}&after=0") as stream:
        coming = frames(stream)
        known = [next(coming)[0] for _ in range(5)]
    with http.stream("GET", f"/changes?workflow_id={workflow_id}", headers={"Last-Event-ID": str(known[2])}) as stream:
        coming = frames(stream)
        assert [next(coming)[0], next(coming)[0]] == known[3:]


def test_a_stream_from_before_what_is_kept_is_told_to_read_anew(http: httpx.Client) -> None:
    with http.stream("GET", "/changes?after=999999999") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: reset"


def test_a_last_event_id_that_is_no_number_is_refused(http: httpx.Client) -> None:
    answer = http.get("/changes", headers={"Last-Event-ID": "x"})
    assert answer.status_code == 400
    assert "Last-Event-ID" in answer.text


def test_open_streams_and_held_calls_do_not_hold_up_the_end(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path).start()
    ended = threading.Event()
    opened = threading.Event()

    def listen() -> None:
        with server.client() as http, http.stream("GET", "/changes") as stream:
            for _ in stream.iter_lines():
                opened.set()
        ended.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert opened.wait(10)
    assert server.stop() == 0
    assert ended.wait(10)
