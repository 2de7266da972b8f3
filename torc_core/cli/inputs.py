"""The files of a stored workflow, as they are here: what is missing before a start, and what has changed since."""

from __future__ import annotations

from functools import cached_property

from torc_core import file_states
from torc_core.cli.app import App
from torc_core.client import endpoints
from torc_core.models.reinitialize import FilesSeen, FileState


class WorkflowFiles:
    """The files of one workflow, seen from the folder it was created in; nothing is seen where that is not here."""

    def __init__(self, app: App, number: int) -> None:
        self._app = app
        self._number = number
        self._watched = app.client.send(endpoints.watched_files(number))

    @property
    def can_be_seen(self) -> bool:
        """Whether the workflow's folder is on this host."""
        return file_states.can_look(self._watched)

    @property
    def origin(self) -> str | None:
        """The folder that the workflow was created in."""
        return self._watched.origin

    @cached_property
    def seen(self) -> list[FileState]:
        """Those that are not as the server knows them."""
        return file_states.look(self._watched) if self.can_be_seen else []

    @property
    def missing(self) -> list[str]:
        """Paths of inputs that no job makes and that are not there."""
        gone = {file.id for file in self.seen if file.st_mtime is None}
        return [file.path for file in self._watched.files if file.id in gone and not file.is_output]

    def record(self) -> None:
        """Have the server remember inputs that no job makes as they are now, before jobs are put to work with them."""
        made = {file.id for file in self._watched.files if file.is_output}
        inputs = [file for file in self.seen if file.st_mtime is not None and file.id not in made]
        if inputs:
            self._app.client.send(endpoints.record_files(self._number, FilesSeen(files=inputs)))
