"""A server killed in the middle of long work on a large workflow, at no particular point, and started again."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing

import httpx

from tests.real import plan_of
from tests.runner.waiting import until
from tests.server_process import ServerProcess
from torc_core.models.plan import PlannedJob

LAYER = 10
"""Of so many jobs one waits for none, each of the others for the one before it."""

TRIES = 5
"""How often the server is killed again when it came too late."""

Call = Callable[[httpx.Client, int], object]
"""Calls a server for the workflow of this id."""


class Midway:
    """A server with a small workflow, and a large one that it is killed over."""

    def __init__(self, server: ServerProcess, jobs: int, limit_s: float = 60) -> None:
        self.server = server
        self.jobs = jobs
        self.settled_s = 0.0
        """Seconds from the kill until a started server had finished what was begun."""
        self._limit_s = limit_s
        self._plan = plan_of(
            [PlannedJob(f"j{i}", f"echo {i}", depends_on=[i - 1] if i % LAYER else []) for i in range(jobs)]
        )
        with server.client() as http:
            body = plan_of([PlannedJob(f"small{i}", "true") for i in range(3)])
            self.small = _workflow(http.post("/workflows/from_plan", content=body))

    def create(self, part: float) -> None:
        """Killed when `part` of the jobs are stored: nothing is left, and the same plan can be sent again."""
        self._killed_while(self._nothing, self._send, self._stored, part)
        self.is_gone()
        assert self._status_counts(self.store()) == self.begun

    def initialize_new(self, part: float) -> None:
        """Likewise when all jobs are stored and `part` of them are initialised, before anybody may see them."""
        self._killed_while(self._nothing, self._send, self._begun, part)
        self.is_gone()
        assert self._status_counts(self.store()) == self.begun

    def initialize(self, part: float) -> None:
        """Killed when `part` of the jobs are initialised: after the start all of them are."""

        def begin() -> int:
            number = self.store()
            self._post(f"/workflows/{number}/reset_job_status")
            return number

        number = self._killed_while(begin, _call("POST", "/initialize_jobs"), self._begun, part)
        assert self._status_counts(number) == self.begun

    def reset(self, part: float) -> None:
        """Killed when `part` of the jobs are taken back: after the start all of them are."""
        call = _call("POST", "/reset_job_status")
        number = self._killed_while(self.store, call, lambda: self.jobs - self._begun(), part)
        assert self._status_counts(number) == {"uninitialized": self.jobs}

    def delete(self, part: float) -> None:
        """Killed when `part` of the jobs are deleted: after the start nothing of the workflow is left."""
        self._killed_while(self.store, _call("DELETE", ""), lambda: self.jobs - self._stored(), part)
        self.is_gone()

    @property
    def begun(self) -> dict[str, int]:
        """Jobs by status, of an initialised workflow."""
        ready = -(-self.jobs // LAYER)
        return {"ready": ready, "blocked": self.jobs - ready}

    def store(self) -> int:
        """Store the workflow and initialise it; returns its id."""
        with self.server.client() as http:
            return _workflow(http.post("/workflows/from_plan", content=self._plan, timeout=self._limit_s))

    def is_gone(self) -> None:
        """No table has a row of any workflow but the small one; that one is whole."""
        with closing(self._database()) as db:
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                columns = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
                if "workflow_id" in columns and table != "change":  # the log of what happened stays
                    sql = f"SELECT count(*) FROM {table} WHERE workflow_id <> ?"
                    assert db.execute(sql, (self.small,)).fetchone() == (0,), table
                elif "job_id" in columns:
                    sql = f"SELECT count(*) FROM {table} WHERE job_id NOT IN (SELECT id FROM job)"
                    assert db.execute(sql).fetchone() == (0,), table
            assert db.execute("SELECT id FROM workflow").fetchall() == [(self.small,)]
        assert self._status_counts(self.small) == {"ready": 3}

    def _killed_while(self, begin: Callable[[], int], call: Call, done: Callable[[], int], part: float) -> int:
        """Make the call, kill the server when `part` of the jobs are done, start it, wait for the end of all work.

        `begin` makes the workflow that is called for; returns its id. On a busy machine the kill can come when all is
        done: then it is tried again.
        """
        for _ in range(TRIES):
            number = begin()
            if self._cut_off(call, number, done, part):
                return number
            self._clear()
        raise AssertionError(f"killed too late {TRIES} times")

    def _cut_off(self, call: Call, number: int, done: Callable[[], int], part: float) -> bool:
        """One try; False when it came too late."""
        thread = threading.Thread(target=self._unanswered, args=(call, number))
        thread.start()
        deadline = time.monotonic() + self._limit_s
        while done() < part * self.jobs:
            assert time.monotonic() < deadline, "the work does not get on"
        killed = time.monotonic()
        self.server.crash()
        thread.join()
        midway = 0 < done() < self.jobs
        self.server.start()
        until(self._settled, "the end of all work", self._limit_s)
        self.settled_s = time.monotonic() - killed
        return midway

    def _unanswered(self, call: Call, number: int) -> None:
        with self.server.client() as http:
            http.timeout = httpx.Timeout(self._limit_s)
            try:
                call(http, number)
            except httpx.TransportError:
                return

    def _clear(self) -> None:
        """Delete the large workflow, where there is one."""
        with closing(self._database()) as db:
            numbers = [number for (number,) in db.execute("SELECT id FROM workflow WHERE id <> ?", (self.small,))]
        with self.server.client() as http:
            for number in numbers:
                http.delete(f"/workflows/{number}", timeout=self._limit_s).raise_for_status()
        until(lambda: self._count("workflow", f"id <> {self.small}") == 0, "the deletion", self._limit_s)

    @staticmethod
    def _nothing() -> int:
        return 0

    def _send(self, http: httpx.Client, _: int) -> object:
        return http.post("/workflows/from_plan", content=self._plan)

    def _settled(self) -> bool:
        return self._count("workflow", "work IS NOT NULL OR state <> 'visible'") == 0

    def _stored(self) -> int:
        return self._count("job", f"workflow_id <> {self.small}")

    def _begun(self) -> int:
        return self._count("job", f"workflow_id <> {self.small} AND status <> 0")

    def _count(self, table: str, where: str) -> int:
        with closing(self._database()) as db:
            return int(db.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0])

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.server.database)

    def _post(self, path: str) -> None:
        with self.server.client() as http:
            http.post(path, timeout=self._limit_s).raise_for_status()

    def _status_counts(self, number: int) -> dict[str, int]:
        """Jobs by status, as the server tells them."""
        with self.server.client() as http:
            found = http.get(f"/workflows/{number}/summary").raise_for_status().json()["counts"]
        return {status: n for status, n in found.items() if n}


def _call(method: str, path: str) -> Call:
    """A call to the workflow."""
    return lambda http, number: http.request(method, f"/workflows/{number}{path}")


def _workflow(answer: httpx.Response) -> int:
    return int(answer.raise_for_status().json()["workflow_id"])
