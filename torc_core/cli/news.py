"""Being woken when something of a workflow changes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from torc_core.cli.app import App
from torc_core.client.stream import Change
from torc_core.errors import TorcError


class News:
    """Listens to a workflow's changes in the background; `wait` returns when there were some since `wait` last did.

    Only changes that `matters` says yes to count. `wait` also returns when the stream begins and when it comes back
    after a break: what was read before may be old.
    """

    def __init__(self, app: App, workflow_id: int, matters: Callable[[Change], bool] = lambda _: True) -> None:
        self._app = app
        self._workflow_id = workflow_id
        self._matters = matters
        self._changed = threading.Event()
        self._error: TorcError | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether something changed before `timeout` seconds were over. Raises what ended the stream."""
        changed = self._changed.wait(timeout)
        self._changed.clear()
        if self._error:
            raise self._error
        return changed

    def _listen(self) -> None:
        try:
            for change in self._app.new_client().changes(self._workflow_id):
                if self._matters(change):
                    self._changed.set()
        except TorcError as error:
            self._error = error
            self._changed.set()
