"""The engine on a stage of its own: a database, its writer, runners made of nothing but calls. No HTTP, no processes.

A `Stage` is a synchronous face on an event loop that only runs inside its methods, so that tests read like prose:

    flow = stage.flow(job("a"), job("b", after="a"))
    runner = flow.runner(cpus=1)
    assert runner.takes() == ["a"]
    runner.ends("a")
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.engine.flow import Flow
from tests.engine.plan import JobLine, Plan
from torc_server.engine import create
from torc_server.engine.check import check
from torc_server.engine.exchange import Runners
from torc_server.engine.serve import Fairness
from torc_server.gradual import Gradual
from torc_server.store.batch import Batch
from torc_server.store.database import Database

T = TypeVar("T")
PATIENCE_S = 8.0
"""What is waited for comes within this, less than the longest time a call is held, or not at all."""


def breaks_the_commit(batch: Batch) -> None:
    """SQLite finds the orphan only when it commits."""
    batch.run("PRAGMA defer_foreign_keys = ON")
    batch.run("INSERT INTO event (workflow_id, timestamp, data) VALUES (1000000, 0, '')")


@cache
def empty_database() -> bytes:
    """The file of a new database: making its tables takes longer than many a test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "torc.db"
        Database(path).close()
        return path.read_bytes()


class Clock:
    """The engine's monotonic clock, which tests may put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


class Stage:
    """A database with a running writer in `folder`; use it as a context manager."""

    def __init__(self, folder: Path, *, lease_s: float = 60.0, starved_s: float | None = None) -> None:
        self._runner = asyncio.Runner()
        self.loop = self._runner.get_loop()
        self.clock = Clock()
        self._patch = pytest.MonkeyPatch()
        for module in ("nodes", "exchange", "serve"):
            self._patch.setattr(f"torc_server.engine.{module}.time", self.clock)
        path = folder / "torc.db"
        if not path.exists():
            path.write_bytes(empty_database())
        self.db = Database(path)
        fairness = None if starved_s is None else Fairness(starved_s)
        self.runners = Runners(self.db.writer, lease_s=lease_s, fairness=fairness)
        self.gradual = Gradual(self.db)
        self.db.writer.exchanges = self.runners
        self.run(self.db.read(self.runners.load))
        self.db.writer.start()
        self._committed = sqlite3.connect(self.db.path, isolation_level=None)

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        problems = [] if kind is not None else [*self.read(check), *self._beyond_their_lease()]
        self._committed.close()
        self.runners.close()
        self.db.close()
        self._runner.close()
        self._patch.undo()
        assert not problems, problems

    def _beyond_their_lease(self) -> list[str]:
        """Jobs of runners whose lease is over, which the database alone cannot tell: leases are in memory."""
        live = {node.id for node in self.runners.nodes.by_id.values() if node.expires > self.clock.monotonic()}
        held = self.rows(
            "SELECT job.name, node_id FROM job JOIN compute_node AS node ON node.id = node_id"
            " WHERE job.status IN (3, 4) AND node.uuid IS NOT NULL"
        )
        return [f"job {name!r} is with runner {node}, whose lease is over" for name, node in held if node not in live]

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to the end, within PATIENCE_S; by the loop itself: its `asyncio.Runner` sets up SIGINT for each call."""

        async def patiently() -> T:
            async with asyncio.timeout(PATIENCE_S):
                return await coroutine

        return self.loop.run_until_complete(patiently())

    def write(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a function of the engine through the writer."""
        return self.run(self.db.write(work, *args, **kwargs))

    def write_together(self, *works: Callable[[Batch], Any]) -> list[Any]:
        """Have the writer take these calls as one batch; returns what each returned or raised."""

        async def together() -> list[Any]:
            calls = [asyncio.ensure_future(self.db.write(work)) for work in works]
            return await asyncio.gather(*calls, return_exceptions=True)

        return self.in_one_batch(together)

    def in_one_batch(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Whatever `make()` queues is taken as one batch: the writer is kept busy until all of it waits."""

        async def held_up() -> T:
            entered, leave = asyncio.Event(), asyncio.Event()
            loop = asyncio.get_running_loop()

            def blocks(_: Batch) -> None:
                loop.call_soon_threadsafe(entered.set)
                asyncio.run_coroutine_threadsafe(leave.wait(), loop).result(PATIENCE_S)

            blocker = asyncio.ensure_future(self.db.write(blocks))
            await entered.wait()
            work = asyncio.ensure_future(make())
            for _ in range(5):  # every call of `make` has been queued after a few turns of the loop
                await asyncio.sleep(0)
            leave.set()
            await blocker
            return await work

        return self.run(held_up())

    def discard(self, creation: create.Creation) -> None:
        """A plan was cut off or refused, as the API deals with it."""
        self.run(self.gradual.abandon(creation))

    def read(self, work: Callable[..., T], *args: Any) -> T:
        """Call a function of a reading connection."""
        return self.run(self.db.read(work, *args))

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Rows of what is committed."""
        return self._committed.execute(sql, params).fetchall()

    def value(self, sql: str, *params: Any) -> Any:
        """The one value of a query."""
        ((found,),) = self.rows(sql, *params)
        return found

    def settle(self) -> None:
        """Everything queued before has been committed and answered."""
        for _ in range(2):
            self.write(lambda _: None)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "it did not come to that"
            self.settle()

    def pass_time(self, seconds: float) -> None:
        """Put the engine's clock forward and let it look at its timers."""
        self.clock.ahead_s += seconds
        self.db.writer.wake()
        self.settle()

    def flow(
        self,
        *jobs: JobLine,
        requirements: dict[str, dict[str, Any]] | None = None,
        initialize: bool = True,
        barriers: bool = False,
        **fields: Any,
    ) -> Flow:
        """Store a plan of these jobs; further fields are the workflow's."""
        plan = Plan(jobs, requirements or {}, initialize, fields, barriers)
        return Flow(self, plan.store(self).workflow_id)
