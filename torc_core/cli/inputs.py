"""Input files that no job makes must be there before a workflow starts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from torc_core.cli.app import App
from torc_core.client import endpoints
from torc_core.client.request import Page, Request
from torc_core.models.progress import Summary
from torc_core.models.resources import File


def missing_inputs(app: App, summary: Summary) -> list[str]:
    """Paths of a stored workflow's inputs that no job makes and that are not there, seen from where its jobs work.

    Empty when the folder it was created from is not on this host.
    """
    number = summary.workflow_id
    needed = set(app.client.send(endpoints.required_existing_files(number))["files"])
    origin = Path(summary.origin or ".")
    if not needed or not origin.is_dir():
        return []
    workflow = app.client.send(endpoints.get_workflow(number))
    made = {file.id for file in app.client.pages(partial(_files, number, True))}
    return [
        file.path
        for file in app.client.pages(partial(_files, number, None))
        if file.id in needed
        and file.id not in made
        and not (origin / (workflow.cwd or "") / file.path).exists()
        and not _is_there_for_all(app, file, origin, workflow.cwd)
    ]


def _files(number: int, is_output: bool | None, offset: int, limit: int) -> Request[Page[File]]:
    return endpoints.list_files(number, is_output=is_output, offset=offset, limit=limit)


def _is_there_for_all(app: App, file: File, origin: Path, cwd: str | None) -> bool:
    """Whether every job that reads the file finds it from its own folder."""
    readers = app.client.send(endpoints.list_jobs(file.workflow_id, needs_file_id=file.id)).items
    return all((origin / (job.cwd or cwd or "") / file.path).exists() for job in readers)
