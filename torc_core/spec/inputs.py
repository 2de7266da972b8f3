"""Input files that no job of a workflow makes: they must be there before it starts."""

from __future__ import annotations

from pathlib import Path

from torc_core.spec.model import WorkflowSpec


def missing_inputs(spec: WorkflowSpec, folder: Path) -> list[str]:
    """Those that are not there, as their paths are written; a job works in its `cwd`, the workflow's, or `folder`."""
    made = {name for job in spec.jobs for name in job.output_files}
    paths = {file.name: file.path for file in spec.files if file.name not in made}
    wanted = {(job.cwd or spec.cwd or "", name) for job in spec.jobs for name in job.input_files if name in paths}
    return sorted({paths[name] for where, name in wanted if not (folder / where / paths[name]).exists()})
