"""Input files that no job makes must be there before a workflow starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torc_core.cli.app import App
from torc_core.client import endpoints
from torc_core.client.endpoints import Summary


def absent(paths: Iterable[str], folder: str) -> list[str]:
    """Those of the paths, seen from `folder`, that do not exist, as they are written."""
    return [path for path in paths if not (Path(folder) / path).exists()]


def missing_inputs(app: App, summary: Summary) -> list[str]:
    """Paths of a stored workflow's inputs that no job makes and that are not there, as far as this host can see.

    Empty when the folder it was created from is not on this host.
    """
    number = summary.workflow_id
    needed = set(app.client.send(endpoints.required_existing_files(number))["files"])
    if not needed:
        return []
    folder = app.client.send(endpoints.get_workflow(number))
    where = folder.cwd or folder.origin
    if where is None or not Path(where).is_dir():
        return []
    made = {
        file.id
        for file in app.client.pages(
            lambda offset, limit: endpoints.list_files(number, is_output=True, offset=offset, limit=limit)
        )
    }
    files = app.client.pages(lambda offset, limit: endpoints.list_files(number, offset=offset, limit=limit))
    return absent((file.path for file in files if file.id in needed and file.id not in made), where)
