"""The endpoints of the failures screen: groups by cause, their jobs, retrying many, and where output is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A server whose failures are those of one test alone."""
    with (
        ServerProcess(tmp_path_factory.mktemp("failures")) as server,
        server.client() as http,
    ):
        yield Workshop(http)


def groups(shop: Workshop, **query: str) -> dict[str, dict[str, Any]]:
    told = shop.http.get("/console/failures", params=query).json()
    return {group["cause"]: group for group in told["groups"]}


def retry(shop: Workshop, **asked: Any) -> dict[str, Any]:
    answer = shop.http.post("/console/retry", json=asked)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def statuses(shop: Workshop, workflow_id: int) -> dict[str, str]:
    jobs = shop.http.get("/jobs", params={"workflow_id": workflow_id}).json()["items"]
    return {job["name"]: job["status"] for job in jobs}


def test_failures_are_grouped_listed_and_retried(alone: Workshop) -> None:
    first, ids = alone.workflow("first", {"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "below", "after": 0})
    runner = alone.runner(first)
    for job in runner.claim():
        match job["name"]:
            case "a":
                runner.finish(job, 137, "loading\nKilled\n\n", cause="over memory: 900 MB used, limit 512 MB")
            case "b":
                runner.finish(job, 143, "")
            case "c":
                runner.finish(job, 0, cause="killed 1 background process left behind")
    runner.leave()
    second, more = alone.workflow("second", {"name": "d"}, {"name": "e"})
    runner = alone.runner(second, host="n18")
    for job in runner.claim():
        code, cause = (1, "over memory: 10 MB used, limit 5.0 MB") if job["name"] == "d" else (2, "")
        runner.finish(job, code, "it went wrong", **({"cause": cause} if cause else {}))
    runner.leave()

    found = groups(alone)
    assert {cause: (each["jobs"], each["workflows"]) for cause, each in found.items()} == {
        "over memory": (2, 2), "killed by SIGTERM (143)": (1, 1), "exit code 2": (1, 1),
    }  # fmt: skip
    memory = found["over memory"]
    assert (memory["workflow"], memory["job_id"], memory["said"]) == ("second", more[0], "it went wrong")
    assert memory["first"] <= memory["last"]
    assert set(groups(alone, filter="workflow=first")) == {"over memory", "killed by SIGTERM (143)"}
    assert alone.http.get("/console/failures", params={"filter": "nonsense=1"}).status_code == 422

    page = alone.http.get("/console/failures/jobs", params={"cause": "over memory", "sort": "name"}).json()
    assert [(row["name"], row["workflow"], row["node"]) for row in page["items"]] == [
        ("a", "first", "n17"),
        ("d", "second", "n18"),
    ]
    assert page["total"] == 2
    page = alone.http.get("/console/failures/jobs", params={"cause": "over memory", "anchor": more[0]}).json()
    assert page["anchor"] == 1

    planned = retry(alone, cause="over memory", dry_run=True)
    assert (planned["jobs"], planned["blocked"], planned["names"]) == (2, 1, ["a", "d"])
    assert [(flow["name"], flow["jobs"], flow["active_nodes"]) for flow in planned["workflows"]] == [
        ("first", 1, 0),
        ("second", 1, 0),
    ]
    assert statuses(alone, first)["a"] == "failed"

    done = retry(alone, ids=[ids[0], ids[2], more[0], 10**6])
    assert (done["jobs"], done["blocked"], done["refused_total"]) == (2, 1, 2)
    assert [(each["name"], each["why"]) for each in done["refused"]] == [
        ("", "there is no such job"),
        ("c", "it is completed"),
    ]
    assert statuses(alone, first) == {"a": "ready", "b": "failed", "c": "completed", "below": "blocked"}
    assert set(groups(alone)) == {"killed by SIGTERM (143)", "exit code 2"}

    alone.http.put(f"/workflows/{second}/cancel")
    refused = retry(alone, cause="exit code 2")
    assert (refused["jobs"], refused["refused"][0]["why"]) == (
        0, f"workflow second ({second}) is canceled; run it instead",
    )  # fmt: skip


def test_a_retry_of_nothing_in_particular_is_refused(alone: Workshop) -> None:
    answer = alone.http.post("/console/retry", json={})
    assert answer.status_code == 422
    assert "which jobs?" in answer.text


def test_very_many_are_retried_in_portions(alone: Workshop) -> None:
    workflow_id, _ = alone.many("many", 250)
    runner = alone.runner(workflow_id)
    while jobs := runner.claim():
        runner.finish_all(jobs, 9)
    runner.leave()
    told = retry(alone, cause="exit code 9")
    assert (told["jobs"], told["refused_total"]) == (250, 0)
    assert set(statuses(alone, workflow_id).values()) == {"ready"}


def test_output_is_where_the_runner_of_an_attempt_said(alone: Workshop, tmp_path: Path) -> None:
    workflow_id, (job_id,) = alone.workflow("output", {"name": "one"}, origin=str(tmp_path))
    runner = alone.runner(workflow_id, host="n3", scheduler={"output_dir": "here"})
    (job,) = runner.claim()
    path = f"/console/jobs/{job_id}/output"
    told = alone.http.get(path).json()
    assert told["origin"] == str(tmp_path)
    assert told["attempts"] == [
        {"run": 0, "attempt": 1, "status": "running", "host": "n3", "output_dir": "here"},
    ]
    runner.finish(job, 3, "bad")
    runner.leave()
    (attempt,) = alone.http.get(path).json()["attempts"]
    assert attempt == {
        "run": 0, "attempt": 1, "status": "failed", "host": "n3", "output_dir": "here", "exit": 3, "stderr": "bad",
    }  # fmt: skip
    assert alone.http.get("/console/jobs/987654321/output").status_code == 404
