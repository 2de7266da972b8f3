"""What an attempt used over time, from the file that its runner kept beside the output (`granularity: time_series`)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from torc_core.models.console import JobSamples
from torc_core.models.failures import JobOutput

MOST_POINTS = 2_000


def read(output: JobOutput, run: int, attempt: int, start_ms: int, end_ms: int) -> JobSamples | None:
    """The samples of an attempt, which ran from `start_ms` to `end_ms`; None where there are none to be read."""
    place = next((each.output_dir for each in output.attempts if (each.run, each.attempt) == (run, attempt)), None)
    if place is None:
        return None
    folder = Path(place) / "resource_utilization"
    for path in sorted(folder.glob(f"resource_metrics_*_{output.workflow_id}_{run}.db")):
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)) as file:
                rows = file.execute(
                    "SELECT timestamp, cpu_percent, memory_bytes FROM job_resource_samples"
                    " WHERE job_id = ? AND timestamp BETWEEN ? AND ? ORDER BY timestamp",
                    (output.job_id, start_ms // 1000, end_ms // 1000 + 1),
                ).fetchall()
        except sqlite3.Error:
            continue  # another program's file, or one that is still being made
        if rows:
            rows = rows[:: len(rows) // MOST_POINTS + 1]
            return JobSamples(
                job_id=output.job_id, attempt_id=attempt, is_monitored=True,
                times_ms=[row[0] * 1000 for row in rows], cpu_percent=[row[1] for row in rows],
                memory_bytes=[row[2] for row in rows],
            )  # fmt: skip
    return None
