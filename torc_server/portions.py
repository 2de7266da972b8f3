"""The steps of work on all jobs of a workflow (`gradual.py`): portions of them, each taken as soon as it can be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from torc_core.crash import crash_point
from torc_server.engine.initialize import EVERY
from torc_server.errors import Busy
from torc_server.store.batch import Batch
from torc_server.store.database import Database, is_defect

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger("torc_server.portions")

PORTION = 1_000
"""Jobs worked on in one transaction: a few milliseconds."""

AGAIN_S = 0.5
"""Seconds between tries when the database cannot take a step."""


class Steps:
    """Takes the steps of work that has begun, each in a transaction of its own."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def go_on(self, work: Callable[Concatenate[Batch, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The next step of work that has begun: when it cannot be taken now (disk or queue full), wait until it can."""
        return await _insist(lambda: self._db.write(work, *args, **kwargs))

    async def look(self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Read in work that has begun, as `go_on` writes."""
        return await _insist(lambda: self._db.read(work, *args, **kwargs))

    async def down_jobs(self, workflow_id: int, work: Callable[[Batch, int, int, int], T]) -> list[T]:
        """Call `work(batch, workflow, first id, last id)` for portions, last jobs first; returns its answers."""
        before, answers = EVERY[1], []
        while (first := await self.look(_first_of_portion, workflow_id, before)) is not None:
            answers.append(await self.go_on(work, workflow_id, first, before - 1))
            before = first
        return answers

    async def over_jobs(self, workflow_id: int, work: Callable[[Batch, int, int, int], object]) -> None:
        """Call `work(batch, workflow, first id, last id)` for each portion of the workflow's jobs."""
        after = 0
        while (last := await self.look(_last_of_portion, workflow_id, after)) is not None:
            await self.go_on(work, workflow_id, after + 1, last)
            crash_point("server.initialize.portion")
            after = last


async def _insist(step: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await step()
        except OperationalError as error:
            if is_defect(error):
                raise
            log.warning("work on a workflow waits for the database: %s", error.orig)
        except Busy as error:
            log.warning("work on a workflow waits: %s", error)
        await asyncio.sleep(AGAIN_S)


def portions(items: Sequence[Any]) -> Iterator[list[Any]]:
    """Cut what is to be worked on into portions."""
    for i in range(0, len(items), PORTION):
        yield list(items[i : i + PORTION])


def _first_of_portion(conn: Connection, workflow_id: int, before: int) -> int | None:
    row = conn.exec_driver_sql(
        "SELECT min(id) FROM (SELECT id FROM job WHERE workflow_id = ? AND id < ? ORDER BY id DESC LIMIT ?)",
        (workflow_id, before, PORTION),
    ).one()
    return None if row[0] is None else int(row[0])


def _last_of_portion(conn: Connection, workflow_id: int, after: int) -> int | None:
    row = conn.exec_driver_sql(
        "SELECT max(id) FROM (SELECT id FROM job WHERE workflow_id = ? AND id > ? ORDER BY id LIMIT ?)",
        (workflow_id, after, PORTION),
    ).one()
    return None if row[0] is None else int(row[0])
