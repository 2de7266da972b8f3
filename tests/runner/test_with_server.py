"""A real server, a real runner, real processes: only what a fake server cannot show."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.runner.waiting import is_alive, nobody_is_left, pid_in, until
from tests.server_process import ServerProcess


@pytest.fixture
def real_server(tmp_path: Path) -> Iterator[ServerProcess]:
    folder = tmp_path / "server"
    folder.mkdir()
    with ServerProcess(folder) as server:
        yield server


def test_the_jobs_of_a_killed_runner_are_ready_again_at_once(real_server: ServerProcess, tmp_path: Path) -> None:
    with real_server.client() as client:
        workflow = _workflow(client, ["echo $$ > pid; sleep 1000"])
        guard = _runner(real_server, workflow, tmp_path)
        pid_in(tmp_path / "pid")
        until(lambda: _counts(client, workflow)["running"] == 1, "start")
        (runner,) = Path(f"/proc/{guard.pid}/task/{guard.pid}/children").read_text().split()

        os.kill(int(runner), signal.SIGKILL)

        guard.communicate(timeout=30)
        until(lambda: _counts(client, workflow)["ready"] == 1, "the job ready again")


def test_a_server_that_crashes_again_and_again_loses_nothing(real_server: ServerProcess, tmp_path: Path) -> None:
    commands = [f"echo {number} >> ran; sleep 0.01" for number in range(150)]
    with real_server.client() as client:
        workflow = _workflow(client, commands)
    runner = _runner(real_server, workflow, tmp_path)

    def has_run(jobs: int) -> bool:
        return (tmp_path / "ran").exists() and _lines(tmp_path) >= jobs

    for jobs in (20, 60, 100):
        until(partial(has_run, jobs), f"{jobs} jobs", 30)
        real_server.crash()
        real_server.start()

    _, err = runner.communicate(timeout=60)
    with real_server.client() as client:
        assert _counts(client, workflow)["completed"] == 150
    assert sorted(map(int, (tmp_path / "ran").read_text().split())) == list(range(150))
    assert (runner.returncode, err) == (0, "")


def test_a_job_that_supports_termination_has_longer_to_save_its_work(
    real_server: ServerProcess, tmp_path: Path
) -> None:
    saving = "trap 'until test -e gate; do sleep 0.01; done; echo saved > saved; exit 7' TERM; echo $$ > {name}"
    forever = "; while :; do sleep 0.01; done"
    with real_server.client() as client:
        workflow = _post(client, "/workflows", {"name": "flow", "user": "me"})["id"]
        jobs = {}
        for name, supports in (("saver", True), ("other", False)):
            job = {"workflow_id": workflow, "name": name, "command": saving.format(name=name) + forever}
            jobs[name] = _post(client, "/jobs", job | {"supports_termination": supports})["id"]
        _post(client, f"/workflows/{workflow}/initialize_jobs", None)
        grace = ("--grace-s", "0.2", "--termination-grace-s", "1000", "--max-parallel-jobs", "2")
        runner = _runner(real_server, workflow, tmp_path, *grace)
        other = pid_in(tmp_path / "other")
        saver = pid_in(tmp_path / "saver")

        runner.send_signal(signal.SIGTERM)
        nobody_is_left(other)
        assert is_alive(saver)
        (tmp_path / "gate").touch()

        runner.communicate(timeout=30)
        results = client.get("/results", params={"workflow_id": workflow}).raise_for_status().json()["items"]
    ends = {result["job_id"]: (result["status"], result["return_code"]) for result in results}
    assert ends == {jobs["saver"]: ("terminated", 7), jobs["other"]: ("terminated", 137)}
    assert (tmp_path / "saved").read_text() == "saved\n"


def _lines(folder: Path) -> int:
    return (folder / "ran").read_text().count("\n")


def _workflow(client: httpx.Client, commands: list[str]) -> int:
    workflow = _post(client, "/workflows", {"name": "flow", "user": "me"})["id"]
    for number, command in enumerate(commands):
        _post(client, "/jobs", {"workflow_id": workflow, "name": f"job{number}", "command": command})
    _post(client, f"/workflows/{workflow}/initialize_jobs", None)
    return int(workflow)


def _post(client: httpx.Client, path: str, body: dict[str, Any] | None) -> Any:
    return client.post(path, json=body).raise_for_status().json()


def _counts(client: httpx.Client, workflow: int) -> dict[str, int]:
    counts: dict[str, int] = client.get(f"/workflows/{workflow}/summary").raise_for_status().json()["counts"]
    return counts


def _runner(server: ServerProcess, workflow: int, folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "torc_core.runner.main", "--url", server.url, "--workflow", str(workflow), *options],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
