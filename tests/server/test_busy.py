"""A server that has more to write than it can: callers are told when to come back, and nothing half done stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.real import plan_of
from torc_core.models.plan import PlannedJob
from torc_server import portions
from torc_server.api import plans
from torc_server.app import create_app
from torc_server.engine import create
from torc_server.errors import Busy
from torc_server.settings import Settings
from torc_server.store import writer

BASE = "/torc-service/v1"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient[Any]]:
    with TestClient(create_app(Settings(tmp_path / "torc.db"))) as made:
        yield made


def test_a_full_queue_is_a_503_that_says_when_to_come_back(
    client: TestClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUEUE_LIMIT", 0)
    body = {"name": "w", "user": "ann"}
    answer = client.post(f"{BASE}/workflows", json=body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "try again" in answer.json()["error"]["message"]
    assert client.get(f"{BASE}/workflows").json()["items"] == []
    call = client.post(
        f"{BASE}/workflows/1/compute_nodes/1/exchange", json={"sequence": 1, "free": {"num_cpus": 1, "memory_bytes": 1}}
    )
    assert (call.status_code, call.headers["retry-after"]) == (503, "1")
    monkeypatch.undo()
    assert client.post(f"{BASE}/workflows", json=body).status_code == 200


def test_what_there_is_of_a_plan_that_was_cut_off_goes_although_the_queue_is_full(
    client: TestClient[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "AGAIN_S", 0.001)
    whole = plan_of([PlannedJob(f"j{i}", "true") for i in range(10)])
    cut_off = whole[: whole.rindex(b"\n", 0, -1) + 1]
    put, add = writer.Writer._put, create.add
    added: list[Any] = []
    refused: list[Any] = []

    def full_after_the_jobs(self: writer.Writer, item: Any) -> None:
        if added and len(refused) < 3:
            refused.append(item)
            raise Busy("too many requests")
        put(self, item)

    def add_and_fill(*args: Any) -> None:
        add(*args)
        added.append(True)

    monkeypatch.setattr(writer.Writer, "_put", full_after_the_jobs)
    monkeypatch.setattr(plans, "add", add_and_fill)
    answer = client.post(f"{BASE}/workflows/from_plan", content=cut_off)
    assert (answer.status_code, len(refused)) == (422, 3)
    assert "cut off" in answer.json()["error"]["message"]
    with closing(sqlite3.connect(tmp_path / "torc.db")) as db:
        assert db.execute("SELECT (SELECT count(*) FROM workflow), (SELECT count(*) FROM job)").fetchone() == (0, 0)
