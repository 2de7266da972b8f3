"""Calls of the runner that are no part of its conversation, made by a thread of their own: nothing waits for them."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from torc_core.errors import TorcError
from torc_core.runner.connection import Away, Connection

AGAIN_S = 0.5
PATIENCE_S = 30.0
"""How long a call is tried while the server is away."""

Answer = Any
Work = Callable[[Connection], Answer]
Then = Callable[[Answer, Exception | None], None]


class Errands:
    """Does work with a connection, one after the other; the thread begins with the first."""

    def __init__(self, connect: Callable[[], Connection], wake: Callable[[], None]) -> None:
        self._connect = connect
        self._wake = wake
        self._queue: queue.SimpleQueue[tuple[Work, Then]] = queue.SimpleQueue()
        self._done: deque[tuple[Then, Answer, Exception | None]] = deque()
        self._thread: threading.Thread | None = None
        self._hurry = threading.Event()
        self.open = 0
        """How many have not come back."""

    def do(self, work: Work, then: Then) -> None:
        """Do `work` and give what it returns, or the error that it raised, to `then`, in the thread of `tick`."""
        self.open += 1
        self._queue.put((work, then))
        self._begin()

    def _begin(self) -> None:
        if self._thread is not None or not self.open:
            return
        thread = threading.Thread(target=self._run, daemon=True, name="errands")
        try:
            thread.start()
            self._thread = thread
        except RuntimeError as error:  # the machine can start no thread: `tick` tries again, unless there is no time
            while self._hurry.is_set() and not self._queue.empty():
                _, then = self._queue.get()
                self._done.append((then, None, error))

    def hurry(self) -> None:
        """From now on the server is asked once only."""
        self._hurry.set()

    def tick(self) -> None:
        """Hand over what came back."""
        self._begin()
        while self._done:
            then, answer, error = self._done.popleft()
            self.open -= 1
            then(answer, error)

    def _run(self) -> None:
        connection: Connection | None = None
        while True:
            work, then = self._queue.get()
            answer: Answer = None
            error: Exception | None = None
            try:
                connection = connection or self._connect()
                answer = self._try(connection, work)
            except Exception as defect:  # whoever waits for the answer has to go on
                error = defect
            self._done.append((then, answer, error))
            self._wake()

    def _try(self, connection: Connection, work: Work) -> Answer:
        """What the work returns; raises what it raises, and TorcError when the server stays away."""
        for _ in range(int(PATIENCE_S / AGAIN_S)):
            try:
                return work(connection)
            except Away as error:
                failed = TorcError(str(error))
            if self._hurry.wait(AGAIN_S):
                break
        raise failed
