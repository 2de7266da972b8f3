"""Input files that no job of a workflow makes: they must be there before it starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from torc_core.spec.model import WorkflowSpec


def missing_inputs(spec: WorkflowSpec, folder: Path) -> list[str]:
    """Those that are not there, as their paths are written; a job works in its `cwd`, the workflow's, or `folder`."""
    return sorted({path for _, path, where in _inputs(spec) if not (folder / where / path).exists()})


def input_states(spec: WorkflowSpec, folder: Path) -> dict[str, tuple[float, int]]:
    """Name -> (time of the last change in seconds since 1970, size in bytes) of those that are there."""
    found: dict[str, tuple[float, int]] = {}
    for name, path, where in _inputs(spec):
        try:
            stat = os.stat(folder / where / path)
        except (OSError, ValueError):
            continue
        found.setdefault(name, (stat.st_mtime, stat.st_size))
    return found


def _inputs(spec: WorkflowSpec) -> Iterator[tuple[str, str, str]]:
    """(name, path, folder of a job that reads it), once for each such folder."""
    made = {name for job in spec.jobs for name in job.output_files}
    paths = {file.name: file.path for file in spec.files if file.name not in made}
    for where, name in dict.fromkeys(
        (job.cwd or spec.cwd or "", name) for job in spec.jobs for name in job.input_files if name in paths
    ):
        yield name, paths[name], where
