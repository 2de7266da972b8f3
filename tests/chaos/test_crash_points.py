"""Server and runner killed at every named point: nothing is lost, nothing runs twice, nothing stays half-done."""

from __future__ import annotations

import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.chaos.evidence import Evidence, processes_of
from tests.real import RunnerProcess, plan_of, start_runner
from tests.runner.waiting import until
from tests.server_process import ServerProcess
from torc_core.models.exchange import Attempt, AttemptResult
from torc_core.models.plan import PlannedJob
from torc_core.runner.journal import Head, Journal, read
from torc_core.runner.log import Log

ROOT = Path(__file__).parents[2]

LARGE = 2_100
"""Jobs of a workflow that is worked on in portions."""


class Scene:
    """A server that dies at a point, and is started again without it; a runner that may die, too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "server").mkdir()
        self.server = ServerProcess(folder / "server", ["--no-auth", "--lease-s", "5"])
        self.evidence = Evidence(folder / "ran")
        self.runners: list[RunnerProcess] = []
        self.workflow = 0
        self.recovered = False

    def start(self, point: str | None = None) -> None:
        """Start the server, to die at the point."""
        self.server.environment = {"TORC_CRASH_AT": point} if point else {}
        self.server.start()

    def died(self) -> bool:
        """Whether the server has died, by SIGKILL."""
        process = self.server.process
        assert process is not None
        code = process.poll()
        assert code in (None, -signal.SIGKILL), self.server.log
        return code is not None

    def recover(self) -> None:
        """Wait for the server's death and start it again, without a point."""
        until(self.died, f"death of the server at {self.server.environment['TORC_CRASH_AT']}", 20)
        self.server.crash()
        self._acknowledged_is_stored()
        self.recovered = True
        self.start()

    def insist(self, call: Callable[[httpx.Client], httpx.Response]) -> Any:
        """Make a call until it is answered, as a client does; the server is started again when it dies meanwhile."""
        while True:
            try:
                with self.server.client() as http:
                    return _said(call(http))
            except httpx.TransportError:
                self.recover()

    def store(self, jobs: list[PlannedJob], *, initialize: bool = True) -> None:
        """Store a workflow, however often that has to be tried."""
        body = plan_of(jobs, initialize=initialize)
        self.workflow = self.insist(lambda http: http.post("/workflows/from_plan", content=body))["workflow_id"]

    def runner(self, **environment: str) -> RunnerProcess:
        """Start a runner of four slots."""
        runner = start_runner(
            self.server, self.workflow, self.folder, "--max-parallel-jobs", "4", "--grace-s", "1", **environment
        )
        self.runners.append(runner)
        return runner

    def ends_well(self, runner: RunnerProcess, runs: int) -> None:
        """The runner comes to the end; all jobs completed, in so many processes in all."""
        _, said = runner.communicate(timeout=30)
        assert runner.returncode == 0, said
        assert self.evidence.problems(self.server.database, self.workflow) == []
        assert self.evidence.runs() == runs
        assert self.counts() == {"completed": len(list(self.evidence.folder.iterdir()))}
        assert list((self.folder / "output").glob(".journal*")) == []
        until(lambda: not processes_of(self.workflow, self.server.port), "the end of all processes", 2)

    def counts(self) -> dict[str, int]:
        """Jobs by status."""
        found = self.insist(lambda http: http.get(f"/workflows/{self.workflow}/summary"))["counts"]
        return {status: n for status, n in found.items() if n}

    def node(self, **fields: object) -> int:
        """Register a compute node; returns its id."""
        body = {
            "workflow_id": self.workflow, "hostname": "h", "pid": 1, "start_time": "2026-01-01T00:00:00Z",
            "num_cpus": 1, "memory_gb": 1, "num_gpus": 0, "num_nodes": 1, "compute_node_type": "local", **fields,
        }  # fmt: skip
        return int(self.insist(lambda http: http.post("/compute_nodes", json=body))["id"])

    def settled(self) -> bool:
        """No work on any workflow is under way, and none is hidden."""
        sql = "SELECT count(*) FROM workflow WHERE work IS NOT NULL OR state <> 'visible'"
        with closing(sqlite3.connect(self.server.database)) as db:
            return bool(db.execute(sql).fetchone()[0] == 0)

    def kept(self) -> list[AttemptResult]:
        """Results in the journals of runners."""
        journals = (self.folder / "output").glob(".journal*")
        return [result for journal in journals for result in read(journal.read_bytes())[1]]

    def _acknowledged_is_stored(self) -> None:
        """What a runner has heard of as acknowledged is in the database, now that nobody can add to it."""
        with closing(sqlite3.connect(self.server.database)) as db:
            stored = set(db.execute("SELECT job_id, attempt_id FROM result"))
        for journal in (self.folder / "output").glob(".journal*"):
            for line in journal.read_bytes().split(b"\n"):
                if line.startswith(b"[") and line.endswith(b"]"):
                    assert {tuple(pair) for pair in msgspec.json.decode(line)} <= stored


def _said(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    for runner in made.runners:
        if runner.poll() is None:
            runner.kill()
            runner.communicate()
    made.server.check(torc_clients=False)
    made.server.stop()


def two_layers(scene: Scene) -> list[PlannedJob]:
    """Six jobs, and six that wait for two of them each."""
    job = scene.evidence.job
    return [job(f"a{i}") for i in range(6)] + [job(f"b{i}", depends_on=[i, (i + 1) % 6]) for i in range(6)]


def run(scene: Scene, point: str) -> None:
    """The server dies while a workflow is stored and run: each job runs once nevertheless."""
    scene.start(point)
    scene.store(two_layers(scene))
    runner = scene.runner()
    if not scene.recovered:
        scene.recover()
    scene.ends_well(runner, 12)


def idle(scene: Scene, point: str) -> None:
    """The server dies while nobody calls it."""
    scene.start(point)
    scene.store(two_layers(scene))
    scene.recover()
    scene.ends_well(scene.runner(), 12)


def lose(scene: Scene, point: str) -> None:
    """The server dies while it deals with the death of a runner: the jobs of that one run once more."""
    scene.start(point)
    scene.store([scene.evidence.job("long", "[ $TORC_ATTEMPT_ID = 2 ] || sleep 60")])
    guard = scene.runner()
    until(lambda: scene.evidence.runs() == 1, "start of the job")
    guard.kill()
    guard.communicate()
    scene.recover()
    scene.ends_well(scene.runner(), 2)


def cancel(scene: Scene, point: str) -> None:
    """The server dies while a workflow is canceled: it can be canceled again, and nothing runs."""
    scene.start(point)
    scene.store(two_layers(scene))
    scene.insist(lambda http: http.put(f"/workflows/{scene.workflow}/cancel"))
    assert scene.counts() == {"canceled": 12}
    runner = scene.runner()
    runner.communicate(timeout=20)
    assert scene.evidence.runs() == 0


def deliver(scene: Scene, point: str) -> None:
    """The server, or the runner that delivers, dies while a dead runner's result is delivered."""
    server_dies = point.startswith("server.")
    scene.start(point if server_dies else None)
    scene.store([scene.evidence.job("a"), scene.evidence.job("b", depends_on=[0])])
    _leave_a_journal(scene)
    runner = scene.runner(**({} if server_dies else {"TORC_CRASH_AT": point}))
    if server_dies:
        scene.recover()
    else:
        runner.communicate(timeout=20)
        assert runner.returncode == 128 + signal.SIGKILL
        runner = scene.runner()
    _, said = runner.communicate(timeout=20)
    assert (runner.returncode, scene.counts()) == (0, {"completed": 2}), said
    assert (scene.evidence.attempts("a"), scene.evidence.attempts("b")) == ([], ["1.1"])


def _leave_a_journal(scene: Scene) -> None:
    """A runner takes the first job, ends it, and dies before it can tell."""
    number = scene.node(uuid="dead")
    path = f"/workflows/{scene.workflow}/compute_nodes/{number}/exchange"
    asked = {"sequence": 1, "free": {"num_cpus": 1, "memory_bytes": 1 << 30}, "slots": 1}
    (job,) = scene.insist(lambda http: http.post(path, json=asked))["jobs"]
    database = scene.insist(lambda http: http.get("/server"))["database_uuid"]
    (scene.folder / "output").mkdir()
    journal = Journal(scene.folder / "output", Head(database, scene.workflow, number, "dead"), Log())
    now = time.time_ns() // 1_000_000
    journal.ended(
        Attempt(job["job_id"], 1), AttemptResult(job["job_id"], job["run_id"], 1, "completed", 0, now - 10, now)
    )
    journal.close()


def work(scene: Scene, point: str) -> None:
    """The server dies in long work on a large workflow: it is finished after the start, or can be asked for again."""
    scene.start(point)
    scene.store([PlannedJob(f"j{i}", "true", depends_on=[i - 1] if i % 3 else []) for i in range(LARGE)])
    path = f"/workflows/{scene.workflow}"
    scene.insist(lambda http: http.post(f"{path}/restart"))
    scene.insist(lambda http: http.post(f"{path}/reset_job_status"))
    assert scene.counts() == {"uninitialized": LARGE}
    scene.insist(lambda http: http.post(f"{path}/initialize_jobs"))
    until(scene.settled, "the end of all long work")
    assert scene.counts() == {"ready": LARGE // 3, "blocked": LARGE - LARGE // 3}
    scene.server.check()
    with scene.server.client() as http:
        try:
            http.delete(path)
        except httpx.TransportError:
            scene.recover()
        until(scene.settled, "the end of the deletion")
        assert http.get("/workflows").json()["items"] == []
    assert scene.recovered


def change(scene: Scene, point: str) -> None:
    """The server dies while what changed is taken back in a large workflow: after the start it runs again."""
    scene.start(point)
    scene.store([PlannedJob(f"j{i}", "true", depends_on=[0] if i else []) for i in range(LARGE)])
    path = f"/workflows/{scene.workflow}"
    first = scene.insist(lambda http: http.get(f"{path}/job_ids"))["job_ids"][0]
    result = {
        "job_id": first, "workflow_id": scene.workflow, "run_id": 1, "compute_node_id": scene.node(),
        "return_code": 0, "exec_time_minutes": 0, "completion_time": "2026-01-01T00:00:00.000Z", "status": "completed",
    }  # fmt: skip
    scene.insist(lambda http: http.post(f"/jobs/{first}/complete_job/completed/1", json=result))
    assert scene.counts() == {"completed": 1, "ready": LARGE - 1}
    with closing(sqlite3.connect(scene.server.database, isolation_level=None)) as db:
        db.execute("UPDATE job SET command = 'false' WHERE id = ?", (first,))
    with pytest.raises(httpx.TransportError), scene.server.client() as http:
        http.post(f"{path}/reinitialize", json={"files": []})
    scene.recover()
    until(scene.settled, "the end of all long work")
    assert scene.counts() == {"ready": 1, "blocked": LARGE - 1}


def start(scene: Scene, point: str) -> None:
    """The server dies while it cleans up after one that died: the next start does it."""
    scene.start("server.plan.chunk")
    body = plan_of(two_layers(scene))
    with pytest.raises(httpx.TransportError), scene.server.client() as http:
        http.post("/workflows/from_plan", content=body)
    scene.server.crash()
    with pytest.raises(AssertionError, match="did not start, exit status -9"):
        scene.start(point)
    scene.start()
    until(scene.settled, "the end of the clean-up")
    with scene.server.client() as http:
        assert http.get("/workflows").json()["items"] == []
        scene.workflow = http.post("/workflows/from_plan", content=body).json()["workflow_id"]
    scene.ends_well(scene.runner(), 12)


def runner(scene: Scene, point: str) -> None:
    """The runner dies: what it had begun runs again as a new attempt, what is in its journal does not."""
    scene.start()
    scene.store(two_layers(scene))
    dying = scene.runner(TORC_CRASH_AT=point)
    dying.communicate(timeout=20)
    assert dying.returncode == 128 + signal.SIGKILL
    begun = scene.evidence.runs()
    kept = len(scene.kept())
    last = scene.runner()
    _, said = last.communicate(timeout=30)
    assert last.returncode == 0, said
    assert scene.evidence.problems(scene.server.database, scene.workflow) == []
    assert scene.counts() == {"completed": 12}
    assert scene.evidence.runs() <= 12 + max(begun - kept, 0)
    assert list((scene.folder / "output").glob(".journal*")) == []


SERVER = {
    "server.plan.begun": run, "server.plan.chunk": run, "server.plan.before_visible": run, "server.plan.visible": run,
    "server.registered": run, "server.claim.written": run, "server.claim.committed": run,
    "server.claim.committed:3": run, "server.result.written": run, "server.result.written:3": run,
    "server.result.committed": run, "server.result.committed:2": run, "server.applied:3": run,
    "server.commit.before:4": run, "server.commit.before:8": run, "server.commit.after:5": run,
    "server.commit.after:9": run, "server.checkpoint": idle, "server.left.written": run, "server.lost.written": lose,
    "server.cancel.written": cancel, "server.late.written": deliver, "server.initialize.portion:2": work,
    "server.initialize.portion:5": work, "server.work.begun:2": work, "server.work.ends": work,
    "server.work.ends:2": work, "server.restart.portion:2": work, "server.reset.portion:2": work,
    "server.reinitialize.portion": change,
    "server.delete.portion": work, "server.delete.portion:3": work, "server.start.hidden": start,
}  # fmt: skip
"""Point, and how often it is come to before the process dies -> what happens meanwhile."""

RUNNER = {
    "runner.registered": runner, "runner.jobs.received": runner, "runner.jobs.received:2": runner,
    "runner.spawn.before": runner, "runner.spawn.before:5": runner, "runner.spawn.after": runner,
    "runner.exit.noticed": runner, "runner.exit.noticed:4": runner, "runner.journal.before": runner,
    "runner.journal.written": runner, "runner.journal.written:3": runner, "runner.report.before": runner,
    "runner.report.before:3": runner, "runner.report.acknowledged": runner, "runner.report.acknowledged:2": runner,
    "runner.leaves": runner, "runner.journal.delivered": deliver,
}  # fmt: skip


@pytest.mark.parametrize("point", [*SERVER, *RUNNER])
def test_a_process_that_is_killed_at_a_point_costs_nothing(scene: Scene, point: str) -> None:
    (SERVER | RUNNER)[point](scene, point)


def test_every_point_in_the_code_is_come_to_by_a_test() -> None:
    named = set()
    for package in ("torc_core", "torc_server"):
        for path in (ROOT / package).rglob("*.py"):
            named |= set(re.findall(r'crash_point\("([a-z_.]+)"\)', path.read_text()))
    assert named == {point.partition(":")[0] for point in SERVER | RUNNER}
    assert len(named) >= 20
