"""Declared output files, looked at after a job has succeeded (runner.md 1.8)."""

from __future__ import annotations

import os

from torc_core.models.exchange import Assignment, OutputStat


def check(job: Assignment, cwd: str) -> tuple[list[OutputStat], list[str]]:
    """Stat every output file of the job, relative paths from `cwd`; returns those found and the paths missing.

    A directory counts as present; mtime is in seconds, size in bytes.
    """
    found: list[OutputStat] = []
    missing: list[str] = []
    for file_id, path in job.output_files:
        try:
            stat = os.stat(os.path.join(cwd, path))
        except OSError:
            missing.append(path)
        else:
            found.append(OutputStat(file_id, stat.st_mtime, stat.st_size))
    return found, missing
