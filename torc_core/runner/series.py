"""What jobs used over time, kept beside their output: torc's SQLite file of samples (runner.md 3).

It is for looking at afterwards, never for running: the file takes what it is given without waiting for the disk, and a
file that cannot be written is said once and then left alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from torc_core.models.exchange import Sample
from torc_core.runner.log import Log

BUSY_S = 0.1
"""So long a reader of the file is waited for: jobs start and end meanwhile."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job_resource_samples (job_id INTEGER NOT NULL, timestamp INTEGER NOT NULL,
  cpu_percent REAL NOT NULL, memory_bytes INTEGER NOT NULL, num_processes INTEGER NOT NULL,
  PRIMARY KEY (job_id, timestamp));
CREATE INDEX IF NOT EXISTS idx_job_resource_samples_job_id ON job_resource_samples(job_id);
CREATE TABLE IF NOT EXISTS job_metadata (job_id INTEGER PRIMARY KEY, job_name TEXT NOT NULL);
"""


class Series:
    """The file of one runner: `resource_utilization/resource_metrics_{host}_{workflow}_{run}.db`."""

    def __init__(self, output_dir: Path, host: str, workflow_id: int, log: Log) -> None:
        self._folder = output_dir / "resource_utilization"
        self._label = f"{host}_{workflow_id}"
        self._log = log
        self._file: sqlite3.Connection | None = None
        self._named: set[int] = set()
        self._given_up = False

    def add(self, run_id: int, told: Iterable[tuple[Sample, str]]) -> None:
        """Append samples of jobs, each with the job's name. Times are whole seconds since 1970, as torc has them."""
        if self._given_up:
            return
        rows = list(told)
        try:
            if self._file is None:
                self._file = self._open(run_id)
            with self._file as file:
                new = [(s.job_id, name) for s, name in rows if s.job_id not in self._named]
                file.executemany("INSERT OR REPLACE INTO job_metadata VALUES (?, ?)", new)
                file.executemany(
                    "INSERT OR REPLACE INTO job_resource_samples VALUES (?, ?, ?, ?, ?)",
                    [(s.job_id, s.at_ms // 1000, s.cpu_percent, s.memory_bytes, s.num_processes) for s, _ in rows],
                )
            self._named.update(job_id for job_id, _ in new)
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                return  # somebody reads it: these samples are left out
            self._given_up = True
            self._log.error(f"samples of what jobs use are not kept in {self._folder}: {error}")

    def _open(self, run_id: int) -> sqlite3.Connection:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(self._folder / f"resource_metrics_{self._label}_{run_id}.db", timeout=BUSY_S)
        file.execute("PRAGMA synchronous = OFF")
        file.executescript(_SCHEMA)
        return file
