"""What is in a file arrives at the server: a plan with everything in it, from every format."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.spec.good_workflow import ALL, GOOD, written
from torc_core.cli.main import main


def created(path: Path, capsys: pytest.CaptureFixture[str]) -> int:
    assert main(["workflows", "create", str(path), "-f", "json"]) == 0
    return int(json.loads(capsys.readouterr().out)["workflow_id"])


def items(server: ServerProcess, path: str) -> list[dict[str, Any]]:
    with server.client() as http:
        answer = http.get(path)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json() if isinstance(answer.json(), list) else answer.json()["items"]
    return found


@pytest.mark.parametrize("format", ALL)
def test_everything_of_a_file_is_stored(
    format: str,
    shared_server: ServerProcess,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TORC_API_URL", shared_server.url)
    path = tmp_path / f"flow.{format}"
    path.write_text(written(GOOD, format))
    number = created(path, capsys)
    jobs = {job["name"]: job for job in items(shared_server, f"/jobs?workflow_id={number}&include_relationships=true")}
    assert list(jobs) == ["prepare", "split_1", "split_2", "gather"]
    gather = jobs["gather"]
    assert set(gather["depends_on_job_ids"]) == {jobs[name]["id"] for name in ("prepare", "split_1", "split_2")}
    (handler,) = items(shared_server, f"/workflows/{number}/failure_handlers")
    assert json.loads(handler["rules"]) == [{"exit_codes": [3], "max_retries": 2}]
    assert [jobs[name]["failure_handler_id"] for name in ("split_1", "split_2")] == [handler["id"]] * 2
    (scheduler,) = items(shared_server, f"/slurm_schedulers?workflow_id={number}")
    assert (scheduler["name"], scheduler["account"], gather["scheduler_id"]) == ("short", "acc", scheduler["id"])
    schedule, run = items(shared_server, f"/workflows/{number}/actions")
    assert schedule["action_config"]["scheduler_id"] == scheduler["id"]
    assert (run["action_config"], run["job_ids"]) == ({"commands": ["echo done"]}, [gather["id"]])
    files = {file["name"]: file["path"] for file in items(shared_server, f"/files?workflow_id={number}")}
    assert files == {"raw": "raw.txt", "part_1": "part_1.txt", "part_2": "part_2.txt"}


def test_a_barrier_gives_its_jobs_all_parents(
    shared_server: ServerProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORC_API_URL", shared_server.url)
    path = tmp_path / "flow.yaml"
    path.write_text(
        """
name: stages
jobs:
  - {name: other, command: "true"}
  - {name: "a{i}", command: "true", parameters: {i: "1:60"}}
  - {name: "b{i}", command: "true", depends_on: [other, a1], depends_on_regexes: ["^a"], parameters: {i: "1:60"}}
"""
    )
    number = created(path, capsys)
    jobs = items(shared_server, f"/jobs?workflow_id={number}&include_relationships=true&limit=1000")
    ids = {job["name"]: job["id"] for job in jobs}
    wanted = {ids["other"], *(ids[f"a{n}"] for n in range(1, 61))}
    for job in jobs:
        assert set(job.get("depends_on_job_ids") or ()) == (wanted if job["name"][0] == "b" else set())
