"""The files that a stored workflow reads, as they are here: what is missing, what has changed since it last ran."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from torc_core import file_states
from torc_core.client import endpoints
from torc_core.models.reinitialize import FilesSeen, FileState
from torc_tui.store import Store


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was seen; nothing where the workflow's folder is not on this machine."""

    changed: list[FileState]
    """Files that are not as the server knows them: of inputs and outputs."""
    missing: list[str]
    """Paths of inputs that no job makes and that are not there."""
    to_record: list[FileState]
    """Inputs that no job makes and that are others than the server knows."""

    @property
    def seen(self) -> FilesSeen:
        """As the server is told."""
        return FilesSeen(files=self.changed)


async def look(store: Store, workflow_id: int) -> Inputs:
    """Look at the files of a workflow."""
    watched = await store.ask(endpoints.watched_files(workflow_id))
    can_look = await asyncio.to_thread(file_states.can_look, watched)
    changed = await asyncio.to_thread(file_states.look, watched) if can_look else []
    paths = {file.id: file.path for file in watched.files if not file.is_output}
    inputs = [state for state in changed if state.id in paths]
    return Inputs(
        changed,
        [paths[state.id] for state in inputs if state.st_mtime is None],
        [state for state in inputs if state.st_mtime is not None],
    )


async def record(store: Store, workflow_id: int, inputs: Inputs) -> None:
    """From now on the server knows the inputs as they are: what runs next runs with them."""
    if inputs.to_record:
        await store.ask(endpoints.record_files(workflow_id, FilesSeen(files=inputs.to_record)))
