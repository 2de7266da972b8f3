"""The engine on a stage of its own: a database, its writer, runners made of nothing but calls. No HTTP, no processes.

A `Stage` is a synchronous face on an event loop that only runs inside its methods, so that tests read like prose:

    flow = stage.flow(job("a"), job("b", after="a"))
    runner = flow.runner(cpus=1)
    assert runner.takes() == ["a"]
    runner.ends("a")
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection

from torc_core.models.exchange import (
    Assignment,
    Attempt,
    AttemptResult,
    ExchangeAnswer,
    ExchangeRequest,
    FreeResources,
    Prefetch,
    Started,
)
from torc_core.models.plan import (
    PlanAnswer,
    PlanFiles,
    PlanJobs,
    PlanLine,
    PlannedFile,
    PlannedJob,
    PlannedRequirements,
    PlannedUserData,
    PlannedWorkflow,
    PlanRequirements,
    PlanStart,
    PlanUserData,
)
from torc_core.models.resources import Result
from torc_core.models.status import JobStatus
from torc_server.engine import cancel, claim, complete, create, retry
from torc_server.engine.check import check
from torc_server.engine.exchange import Runners
from torc_server.engine.serve import Fairness
from torc_server.gradual import Gradual
from torc_server.store.batch import Batch
from torc_server.store.database import Database

T = TypeVar("T")
GIB = 1 << 30
PATIENCE_S = 8.0
"""What is waited for comes within this, less than the longest time a call is held, or not at all."""

S = JobStatus


@dataclass
class JobLine:
    """A job of a test's plan, its relations by name."""

    name: str
    after: list[str]
    fields: dict[str, Any]
    needs: str | None
    reads: list[str]
    writes: list[str]
    reads_data: list[str]
    writes_data: list[str]


def job(
    name: str,
    after: str = "",
    *,
    cancel: bool = True,
    needs: str | None = None,
    priority: int = 0,
    reads: str = "",
    writes: str = "",
    reads_data: str = "",
    writes_data: str = "",
    **fields: Any,
) -> JobLine:
    """A job; `after`, `reads` and `writes` are names separated by spaces. It is canceled when a parent fails unless
    `cancel` is False."""
    fields |= {"cancel_on_blocking_job_failure": cancel, "priority": priority}
    lists = [each.split() for each in (reads, writes, reads_data, writes_data)]
    return JobLine(name, after.split(), fields, needs, *lists)


def chain(n: int, **fields: Any) -> list[JobLine]:
    """j0 <- j1 <- … <- j(n-1)."""
    return [job(f"j{i}", f"j{i - 1}" if i else "", **fields) for i in range(n)]


def need(cpus: int = 1, memory: str = "1m", gpus: int = 0, nodes: int = 1, runtime: str = "PT1M") -> dict[str, Any]:
    """What a job needs, for `Stage.flow(requirements=…)`."""
    return {"num_cpus": cpus, "memory": memory, "num_gpus": gpus, "num_nodes": nodes, "runtime": runtime}


class Clock:
    """The engine's monotonic clock, which tests may put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


class Stage:
    """A database with a running writer in `folder`; use it as a context manager."""

    def __init__(self, folder: Path, *, lease_s: float = 60.0, starved_s: float | None = None) -> None:
        self.loop = asyncio.Runner()
        self.clock = Clock()
        self._patch = pytest.MonkeyPatch()
        for module in ("nodes", "exchange", "serve"):
            self._patch.setattr(f"torc_server.engine.{module}.time", self.clock)
        self.db = Database(folder / "torc.db")
        fairness = None if starved_s is None else Fairness(starved_s)
        self.runners = Runners(self.db.writer, lease_s=lease_s, fairness=fairness)
        self.gradual = Gradual(self.db)
        self.db.writer.exchanges = self.runners
        self.run(self.db.read(self.runners.load))
        self.db.writer.start()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        problems = [] if kind is not None else self.read(check)
        self.runners.close()
        self.db.close()
        self.loop.close()
        self._patch.undo()
        assert not problems, problems

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to the end, within PATIENCE_S."""

        async def patiently() -> T:
            return await asyncio.wait_for(coroutine, PATIENCE_S)

        return self.loop.run(patiently())

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
        self.write(create.discard, creation.workflow_id)
        self.run(self.gradual.delete(creation.workflow_id))

    def read(self, work: Callable[..., T], *args: Any) -> T:
        """Call a function of a reading connection."""
        return self.run(self.db.read(work, *args))

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Rows of what is committed."""
        return self.read(lambda conn: [tuple(row) for row in conn.exec_driver_sql(sql, params)])

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
        **fields: Any,
    ) -> Flow:
        """Store a plan of these jobs; further fields are the workflow's."""
        plan = Plan(jobs, requirements or {}, initialize, fields)
        return Flow(self, plan.store(self).workflow_id)


class Plan:
    """The lines of a plan, and their way in."""

    def __init__(
        self,
        jobs: tuple[JobLine, ...],
        requirements: dict[str, dict[str, Any]] | None = None,
        initialize: bool = True,
        fields: dict[str, Any] | None = None,
    ) -> None:
        places = {each.name: i for i, each in enumerate(jobs)}
        needs = {name: i for i, name in enumerate(requirements or {})}
        files = _places(*(each.reads + each.writes for each in jobs))
        data = _places(*(each.reads_data + each.writes_data for each in jobs))
        workflow = PlannedWorkflow(**{"name": "flow", "user": "tester", **(fields or {})})
        self.start = PlanStart(
            str(uuid.uuid4()), workflow, len(jobs), len(files), len(data), len(needs), initialize=initialize
        )
        self.lines: list[PlanLine] = []
        if files:
            self.lines.append(PlanFiles([PlannedFile(name, f"data/{name}") for name in files]))
        if data:
            self.lines.append(PlanUserData([PlannedUserData(name) for name in data]))
        if needs:
            self.lines.append(PlanRequirements([PlannedRequirements(n, **r) for n, r in (requirements or {}).items()]))
        planned = [
            PlannedJob(
                each.name,
                "true",
                resource_requirements=None if each.needs is None else needs[each.needs],
                depends_on=[places[name] for name in each.after],
                input_files=[files[name] for name in each.reads],
                output_files=[files[name] for name in each.writes],
                input_user_data=[data[name] for name in each.reads_data],
                output_user_data=[data[name] for name in each.writes_data],
                **each.fields,
            )
            for each in jobs
        ]
        self.lines += [PlanJobs(planned[i : i + 1000]) for i in range(0, len(planned), 1000)]

    def store(self, stage: Stage) -> PlanAnswer:
        """All of it, as the API does."""
        creation = stage.write(create.begin, self.start)
        for line in [] if creation.repeated else self.lines:
            stage.write(create.add, creation, line)
        return self.finish(stage, creation)

    def finish(self, stage: Stage, creation: create.Creation) -> PlanAnswer:
        """The last line has come."""
        answer: PlanAnswer = stage.run(stage.gradual.finish_creation(creation))
        return answer


def _places(*lists: list[str]) -> dict[str, int]:
    return {name: i for i, name in enumerate(dict.fromkeys(itertools.chain(*lists)))}


class Flow:
    """A stored workflow."""

    def __init__(self, stage: Stage, workflow_id: int) -> None:
        self.stage = stage
        self.id = workflow_id
        rows = stage.rows("SELECT name, id FROM job WHERE workflow_id = ? ORDER BY id", workflow_id)
        self.ids: dict[str, int] = dict(rows)
        self.names = {i: name for name, i in self.ids.items()}

    @property
    def run_id(self) -> int:
        return int(self.stage.value("SELECT run_id FROM workflow WHERE id = ?", self.id))

    def statuses(self) -> dict[str, str]:
        """Every job's status by name."""
        rows = self.stage.rows("SELECT name, status FROM job WHERE workflow_id = ? ORDER BY id", self.id)
        return {name: JobStatus(status).label for name, status in rows}

    def status(self, name: str) -> str:
        return self.statuses()[name]

    def attempt(self, name: str) -> int:
        return int(self.stage.value("SELECT attempt_id FROM job WHERE id = ?", self.ids[name]))

    def results(self, name: str) -> list[tuple[int, int, str]]:
        """(run, attempt, status) of each stored result of a job."""
        sql = "SELECT run_id, attempt_id, status FROM result WHERE job_id = ? ORDER BY id"
        return [(run, attempt, JobStatus(s).label) for run, attempt, s in self.stage.rows(sql, self.ids[name])]

    def counters(self, name: str) -> tuple[int, int]:
        """(parents not yet ended, parents that ended without success) as kept."""
        ((unmet, bad),) = self.stage.rows("SELECT unmet, bad FROM job WHERE id = ?", self.ids[name])
        return unmet, bad

    def kept_counts(self) -> dict[str, int]:
        """Jobs by status as kept, zeros left out."""
        rows = self.stage.rows("SELECT status, n FROM status_count WHERE workflow_id = ? AND n <> 0", self.id)
        return {JobStatus(status).label: n for status, n in rows}

    def changes(self) -> list[tuple[str, list[str]]]:
        """The change log's moves of this workflow: (status, names), in order."""
        sql = "SELECT data ->> 'status', data -> 'ids' FROM change WHERE workflow_id = ? AND kind = 'jobs' ORDER BY id"
        return [(status, [self.names[i] for i in unpack(ids)]) for status, ids in self.stage.rows(sql, self.id)]

    def check(self) -> None:
        """What must hold of an initialized workflow at any time."""
        assert self.kept_counts() == dict(Counter(self.statuses().values())), "kept counts differ from counted"
        wrong = self.stage.rows(
            "SELECT name, unmet, bad, told.u, told.b FROM job JOIN (SELECT child.id AS id,"
            "  ifnull(sum(parent.status NOT IN (5, 6, 7, 8, 9)), 0) AS u,"
            "  ifnull(sum(parent.status IN (6, 7, 8, 9)), 0) AS b"
            "  FROM job AS child LEFT JOIN job_depends_on AS edge ON edge.job_id = child.id"
            "  LEFT JOIN job AS parent ON parent.id = edge.depends_on_job_id WHERE child.workflow_id = ?"
            "  GROUP BY child.id) AS told ON told.id = job.id WHERE unmet <> told.u OR bad <> told.b",
            self.id,
        )
        assert not wrong, f"(job, unmet, bad, counted unmet, counted bad): {wrong}"
        stranded = self.stage.rows(
            "SELECT job.name, job.status FROM job LEFT JOIN compute_node AS node ON node.id = job.node_id"
            " WHERE job.workflow_id = ?"
            " AND (job.status IN (3, 4) AND job.node_id IS NOT NULL AND node.is_active IS NOT 1"
            "  OR job.status NOT IN (3, 4, 7) AND job.node_id IS NOT NULL)",
            self.id,
        )
        assert not stranded, f"jobs with a node that is gone, or that should have none: {stranded}"
        early = self.stage.rows("SELECT name FROM job WHERE workflow_id = ? AND status = 1 AND unmet = 0", self.id)
        assert not early, f"blocked by nobody: {early}"

    def runner(self, cpus: int = 1, memory_gb: float = 8.0, gpus: int = 0, nodes: int = 1, **fields: Any) -> Runner:
        """Register a runner for this workflow."""
        columns = {
            "workflow_id": self.id, "hostname": "host", "pid": 1, "start_time": "2026-01-01T00:00:00Z",
            "num_cpus": cpus, "memory_gb": memory_gb, "num_gpus": gpus, "num_nodes": nodes,
            "compute_node_type": "local", "is_active": 1, "uuid": str(uuid.uuid4()), **fields,
        }  # fmt: skip

        def register(batch: Batch) -> int:
            sql = (
                f"INSERT INTO compute_node ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) RETURNING id"
            )
            node = int(batch.run(sql, *columns.values()).scalar_one())
            self.stage.runners.registered(batch, node)
            return node

        free = FreeResources(cpus, int(memory_gb * GIB), gpus, nodes)
        return Runner(self, self.stage.write(register), free)

    def claim(self, limit: int = 10) -> list[str]:
        """torc's claim_next_jobs."""
        return [found["name"] for found in self.stage.write(claim.claim_next_jobs, self.id, limit)]

    def start(self, name: str, run_id: int | None = None, node: int = 0) -> None:
        """torc's start_job."""
        self.stage.write(complete.start_job, self.ids[name], self.run_id if run_id is None else run_id, node)

    def complete(
        self, name: str, status: str = "completed", run_id: int | None = None, attempt: int | None = None
    ) -> None:
        """torc's complete_job."""
        run = self.run_id if run_id is None else run_id
        code = 0 if status == "completed" else 1
        result = Result(
            job_id=self.ids[name], workflow_id=self.id, run_id=run, attempt_id=attempt, compute_node_id=1,
            return_code=code, exec_time_minutes=0.1, completion_time="2026-01-01T00:00:00.000Z", status=status,
        )  # fmt: skip
        self.stage.write(complete.complete_job, self.ids[name], JobStatus.from_label(status), run, result)

    def put_status(self, name: str, status: str, run_id: int | None = None) -> None:
        """torc's manage_status_change."""
        run = self.run_id if run_id is None else run_id
        self.stage.write(complete.manage_status_change, self.ids[name], JobStatus.from_label(status), run)

    def cancel(self, name: str | None = None) -> None:
        """Cancel a job, or the workflow."""
        if name is None:
            self.stage.write(cancel.cancel_workflow, self.id)
        else:
            self.stage.write(cancel.cancel_job, self.ids[name])

    def retry(self, name: str, max_retries: int = 100, run_id: int | None = None) -> None:
        run = self.run_id if run_id is None else run_id
        self.stage.write(retry.retry_job, self.ids[name], run, max_retries)

    def reset(self, failed_only: bool = False, force: bool = True) -> int:
        """Reset jobs; returns how many."""
        return self.stage.run(self.stage.gradual.reset_jobs(self.id, failed_only, "tester", force))

    def initialize(self, only_uninitialized: bool = False) -> None:
        self.stage.run(self.stage.gradual.initialize(self.id, only_uninitialized))

    def restart(self, dry_run: bool = False) -> dict[str, Any]:
        return self.stage.run(self.stage.gradual.restart(self.id, dry_run))


def unpack(ids: str) -> list[int]:
    """Ids of a change: [first, last] pairs opened."""
    import json

    found: list[int] = []
    for each in json.loads(ids):
        found += range(each[0], each[1] + 1) if isinstance(each, list) else [each]
    return found


@dataclass
class Runner:
    """A runner that runs nothing: it makes calls and remembers what it was given."""

    flow: Flow
    node: int
    free: FreeResources
    held: dict[str, Assignment] = field(default_factory=dict)
    sequence: int = 0
    last: ExchangeAnswer = field(default_factory=lambda: ExchangeAnswer(acknowledged=0))

    def request(self, **fields: Any) -> ExchangeRequest:
        """The next call; `held` is what the runner has."""
        self.sequence += 1
        fields.setdefault("free", self.free)
        fields.setdefault("held", [Attempt(a.job_id, a.attempt_id) for a in self.held.values()])
        if isinstance(fields.get("prefetch"), tuple):
            fields["prefetch"] = Prefetch(*fields["prefetch"])
        return ExchangeRequest(self.sequence, **fields)

    async def exchange(self, request: ExchangeRequest) -> ExchangeAnswer:
        return await self.flow.stage.runners.exchange(self.node, self.flow.id, request)

    def send(self, request: ExchangeRequest) -> ExchangeAnswer:
        """Make a call and use its answer."""
        return self.heed(self.flow.stage.run(self.exchange(request)))

    def heed(self, answer: ExchangeAnswer) -> ExchangeAnswer:
        """Take the jobs of an answer, let go of what is to be stopped as superseded."""
        for each in answer.jobs:
            self.held[each.name] = each
        self.last = answer
        return answer

    def call(self, **fields: Any) -> ExchangeAnswer:
        """Make a call that asks for no jobs unless told."""
        return self.send(self.request(**fields))

    def takes(self, slots: int = 1, **fields: Any) -> list[str]:
        """Ask for jobs with what is free; returns the names of those handed out."""
        return [each.name for each in self.call(slots=slots, **fields).jobs]

    def waits(self, slots: int = 1, wait_ms: int = 10_000, **fields: Any) -> Waiting:
        """Make a call that may be held."""
        waiting = Waiting(self, self.request(slots=slots, wait_ms=wait_ms, **fields))
        self.flow.stage.settle()
        return waiting

    def result(self, name: str, status: str = "completed", **fields: Any) -> AttemptResult:
        """How an attempt that is held ended."""
        mine = self.held[name]
        code = 0 if status == "completed" else 1
        values = {
            "job_id": mine.job_id, "run_id": mine.run_id, "attempt_id": mine.attempt_id, "status": status,
            "return_code": code, "start_ms": 1_000, "end_ms": 2_000, **fields,
        }  # fmt: skip
        return AttemptResult(**values)

    def ends(self, *names: str, status: str = "completed", slots: int = 0, **fields: Any) -> ExchangeAnswer:
        """Report the end of jobs and forget them."""
        request = self.request(results=[self.result(name, status) for name in names], slots=slots, **fields)
        for name in names:
            del self.held[name]
        return self.send(request)

    def starts(self, *names: str) -> ExchangeAnswer:
        """Report that the processes of jobs exist."""
        started = [Started(self.held[n].job_id, self.held[n].attempt_id, 1_000, 1) for n in names]
        return self.call(started=started)

    def gives_back(self, *names: str, slots: int = 0) -> ExchangeAnswer:
        """Release jobs that were never started."""
        released = [Attempt(a.job_id, a.attempt_id) for a in map(self.held.pop, names)]
        return self.call(released=released, slots=slots)

    def leaves(self, **fields: Any) -> ExchangeAnswer:
        return self.call(leaving=True, **fields)

    def dies(self) -> None:
        """Its process ends, seen by the server."""
        self.flow.stage.runners.died(self.node)
        self.flow.stage.settle()

    def runs_everything(self, status: str = "completed", most: int = 1_000) -> list[str]:
        """Take and end jobs until there are no more; returns the names in the order in which they ended."""
        done: list[str] = []
        names = self.takes(slots=most)
        while names:
            done += names
            names = [each.name for each in self.ends(*names, status=status, slots=most).jobs]
        return done


class Waiting:
    """A call that the server may hold."""

    def __init__(self, runner: Runner, request: ExchangeRequest) -> None:
        self.runner = runner
        self.stage = runner.flow.stage
        self._task = self.stage.loop.get_loop().create_task(runner.exchange(request))

    @property
    def held(self) -> bool:
        """Not answered though everything queued so far was dealt with."""
        self.stage.settle()
        return not self._task.done()

    def answer(self) -> ExchangeAnswer:
        """The answer, as soon as it comes."""

        async def come() -> ExchangeAnswer:
            return await self._task

        return self.runner.heed(self.stage.run(come()))


def counts(conn: Connection, table: str) -> int:
    """How many rows a table has."""
    return int(conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())
