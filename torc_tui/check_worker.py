"""The process that reads, checks and creates workflows for the console: 100,000 jobs are seconds of work.

`python -m torc_tui.check_worker` takes pickled calls of the functions here on stdin, each after its length, and answers
on stdout in the same form. It ends when the console does.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from torc_core.client import endpoints
from torc_core.client.http import Address, Client
from torc_core.errors import TorcError
from torc_core.models.plan import PlanAnswer
from torc_core.spec import Plan
from torc_tui.checking import LENGTH, Checked, check, identity

TEXT_SHOWN = 200_000
"""So many lines of a file are shown."""


class Worker:
    """Keeps the plan of what it checked last: that is what it creates."""

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._planned: tuple[Any, ...] = ()

    def check(self, path: Path, folder: Path, user: str) -> Checked:
        """See `checking.check`; the plan stays here."""
        self._plan = None
        checked = check(path, folder, user)
        self._plan, self._planned = checked.plan, identity(checked)
        text = checked.text
        if len(text) > TEXT_SHOWN:
            text = [*text[:TEXT_SHOWN], f"… {len(text) - TEXT_SHOWN:,} more lines"]
        return replace(checked, plan=None, text=text)

    def create(self, address: Address, name: str, initialize: bool, meant: tuple[Any, ...]) -> PlanAnswer:
        """Make the workflow that was checked last. TorcError when it is not the one `meant`, or is refused."""
        plan = self._plan
        if plan is None or self._planned != meant:
            raise TorcError(f"{meant[0].name} has changed since it was shown; nothing was created")
        with Client(address) as client:
            return client.send(endpoints.create_from_plan(lambda: plan.lines(initialize), name))


def answer(worker: Worker, call: bytes) -> bytes:
    """Do a call; what it raises is the answer, too."""
    name, arguments = pickle.loads(call)
    calls: dict[str, Callable[..., Any]] = {"check": worker.check, "create": worker.create}
    try:
        return pickle.dumps((calls[name](*arguments), None))
    except TorcError as error:
        return pickle.dumps((None, error))


def main() -> None:
    """Answer until stdin ends. Nothing else may write to stdout."""
    said = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    worker = Worker()
    while (call := _next(sys.stdin.buffer)) is not None:
        told = answer(worker, call)
        said.write(len(told).to_bytes(LENGTH, "big") + told)
        said.flush()


def _next(stream: IO[bytes]) -> bytes | None:
    length = stream.read(LENGTH)
    return stream.read(int.from_bytes(length, "big")) if len(length) == LENGTH else None


if __name__ == "__main__":
    main()
