"""What jobs leave behind, whoever says what about them: each appends its attempt to a file of its own."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from torc_core.models.plan import PlannedJob


class Evidence:
    """A folder with one file a job, a line for each attempt that was begun."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def job(self, name: str, then: str = "", **fields: Any) -> PlannedJob:
        """A job that says that it was there, and then does something."""
        command = f'echo "$TORC_RUN_ID.$TORC_ATTEMPT_ID" >> {self.folder}/{name}; {then or "true"}'
        fields.setdefault("cancel_on_blocking_job_failure", False)
        return PlannedJob(name, command, **fields)

    def attempts(self, name: str) -> list[str]:
        """Run and attempt of every process that a job had, e.g. ["1.1", "1.2"]."""
        try:
            return (self.folder / name).read_text().split()
        except FileNotFoundError:
            return []

    def runs(self) -> int:
        """How many processes jobs had in all."""
        return sum(len(path.read_text().split()) for path in self.folder.iterdir())

    def problems(self, database: Path, workflow: int) -> list[str]:
        """Attempts that ran twice, and jobs that are said to have ended and whose last attempt was never there."""
        found = []
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
            jobs = db.execute(
                "SELECT job.name, job.status, result.run_id || '.' || result.attempt_id, result.return_code"
                " FROM job LEFT JOIN result ON result.id = job.result_id WHERE job.workflow_id = ?",
                (workflow,),
            ).fetchall()
        for name, status, current, code in jobs:
            ran = Counter(self.attempts(name))
            found += [f"{name}: attempt {attempt} ran {n} times" for attempt, n in ran.items() if n > 1]
            if status == 5 and current not in ran:
                found.append(f"{name}: completed as attempt {current}, which never ran")
            if status not in (5, 6, 7, 8):
                found.append(f"{name}: status {status} in the end")
            if status == 6 and current not in ran and code == 0:
                found.append(f"{name}: failed as attempt {current}, which never ran")
        return found


def processes_of(workflow: int, port: int) -> list[int]:
    """Live processes of jobs of a workflow, wherever they went: by their environment."""
    found = []
    wanted = {b"TORC_WORKFLOW_ID=%d" % workflow, b"TORC_API_URL=http://127.0.0.1:%d/torc-service/v1" % port}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                environment = set(Path(f"/proc/{name}/environ").read_bytes().split(b"\0"))
            except OSError:
                continue
            if wanted <= environment:
                found.append(int(name))
    return found


def kill_all(pids: list[int]) -> None:
    """The last resort after a test that failed."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
