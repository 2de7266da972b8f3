"""Watches the runners of the server's own host: the death of a process ends its lease at once (design: section 4)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from torc_core.host import process_space


class Deaths:
    """Tells of registered processes that end, by pidfd; where the kernel has none, leases alone decide."""

    def __init__(self, died: Callable[[int], None]) -> None:
        """`died` gets the node's id, in the event loop."""
        self._died = died
        self._space = process_space()
        self._watched: dict[int, int] = {}
        """node -> pidfd"""

    def watch(self, node_id: int, pid: int, space: str | None) -> None:
        """Watch a runner, if it runs where its pid means something here. Called in the event loop."""
        if not self._space or space != self._space or node_id in self._watched or not hasattr(os, "pidfd_open"):
            return
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._died(node_id)
            return
        except OSError:
            return
        self._watched[node_id] = fd
        asyncio.get_running_loop().add_reader(fd, self._ended, node_id)

    def close(self) -> None:
        """Watch nobody any more."""
        for node_id in list(self._watched):
            self._unwatch(node_id)

    def _ended(self, node_id: int) -> None:
        self._unwatch(node_id)
        self._died(node_id)

    def _unwatch(self, node_id: int) -> None:
        fd = self._watched.pop(node_id)
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)
