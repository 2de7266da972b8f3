"""A server, runners behind a bad network, jobs that misbehave, and everything that may happen to them."""

from __future__ import annotations

import heapq
import itertools
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
from server_process import ServerProcess

from tests.chaos.evidence import Evidence, kill_all, processes_of
from tests.chaos.proxy import Proxy
from tests.real import RunnerProcess, runner_of, start_runner, store
from tests.runner.waiting import until
from torc_core.models.plan import PlannedJob
from torc_server.maintenance import check_file

LEASE_S = 2
ROUND_S = 45
"""A round comes to its end within this."""

Undo = tuple[float, Callable[[], None]]
"""After so many seconds this is to be done."""


class World:
    """What rounds share: one server on a small disk of its own, one proxy, a small disk for output."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disks = [Disk(folder / "state", 48), Disk(folder / "output", 24)]
        self.server = ServerProcess(folder / "state", ["--no-auth", "--lease-s", str(LEASE_S)])
        self.server.start()
        self.proxy = Proxy(lambda: self.server.port)
        self.happened: Counter[str] = Counter()
        """What came of it all, over the rounds: faults, attempts, results that journals kept."""

    def ready(self) -> None:
        """Whatever the round before left: there is a server, and room."""
        for disk in self.disks:
            disk.clear()
        if self.server.process is None:
            self.server.start()

    def close(self) -> None:
        """Stop all of it."""
        print("\nchaos:", ", ".join(f"{what} {n}" for what, n in sorted(self.happened.items())))
        self.proxy.close()
        try:
            self.server.check(torc_clients=False)
            self.server.stop()
        finally:
            for disk in self.disks:
                disk.unmount()


class Disk:
    """A small file system that can be filled, where the tests may mount one; else a folder that never fills."""

    def __init__(self, path: Path, megabytes: int) -> None:
        self.path = path
        path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
        self.mounted = bool(shutil.which("mount")) and subprocess.run(command, capture_output=True).returncode == 0

    def fill(self) -> None:
        """Leave no room."""
        if not self.mounted:
            return
        with suppress(OSError), open(self.path / "filler", "wb", buffering=0) as file:
            while file.write(b"\0" * 65536):
                pass

    def clear(self) -> None:
        """Make room again."""
        (self.path / "filler").unlink(missing_ok=True)

    def unmount(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.path)], check=True)


class Round:
    """One workflow, what happens meanwhile, and what must be so afterwards; all of it follows from the seed."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.server, self.proxy = world, world.server, world.proxy
        world.ready()
        self.rng = random.Random(seed)
        self.evidence = Evidence(world.folder / f"round{seed}")
        self.failing: set[str] = set()
        """Jobs that fail by themselves or were killed."""
        self.runners: list[RunnerProcess] = []
        self.said: list[str] = []
        self.jobs = self._jobs()
        self.workflow = store(self.server, self.jobs)
        self._due: list[tuple[float, int, str, Callable[[], None]]] = []
        self._number = itertools.count()

    def _jobs(self) -> list[PlannedJob]:
        rng, jobs = self.rng, []
        for i in range(rng.randint(20, 36)):
            name = f"j{i}"
            seconds = rng.choice([0, 0.05, 0.1, 0.2, 0.3, 0.5])
            then = rng.choice([
                f"sleep {seconds}",
                f"sleep {seconds} & wait",
                f"(setsid sleep 1000 &) ; sleep {seconds}",
                f"trap '' TERM; sleep {seconds}",
                f"seq 100; sleep {seconds}",
            ])  # fmt: skip
            if rng.random() < 0.08:
                then += "; echo broken >&2; exit 3"
                self.failing.add(name)
            parents = rng.sample(range(i), min(i, rng.choice([0, 0, 1, 2, 3])))
            cancel = rng.random() < 0.3
            jobs.append(self.evidence.job(name, then, depends_on=parents, cancel_on_blocking_job_failure=cancel))
        return jobs

    def play(self) -> None:
        """Run the workflow to its end whatever happens, then look at everything."""
        began = time.monotonic()
        for _ in range(self.rng.choice([1, 2, 2])):
            self._start_runner()
        for _ in range(self.rng.randint(1, 3)):
            fault = self.rng.choice(FAULTS)
            self._at(self.rng.uniform(0.4, 1.3), fault.__name__, lambda fault=fault: self._happen(fault))
        try:
            while self._due:
                when, _, _, act = heapq.heappop(self._due)
                until(lambda when=when: time.monotonic() >= when, "the next fault")
                act()
            self.proxy.calm()
            self._come_to_the_end(began + ROUND_S)
        finally:
            self._restore()
        self._judge()

    def _restore(self) -> None:
        """Undo what is not yet undone, so that a round that failed is not the end of the others."""
        for _, _, name, act in self._due:
            if name.startswith("after"):
                act()
        self.proxy.calm()
        for runner in self.runners:
            if runner.poll() is None:
                _signal(runner.pid, signal.SIGKILL)

    def _at(self, seconds: float, name: str, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._number), name, act))

    def _happen(self, fault: Callable[[Round], Undo | None]) -> None:
        self.world.happened[fault.__name__] += 1
        undo = fault(self)
        if undo is not None:
            self._at(undo[0], f"after {fault.__name__}", undo[1])

    def _start_runner(self) -> None:
        options = ["--max-parallel-jobs", str(self.rng.randint(2, 5)), "--grace-s", "0.2"]
        options += ["--output-dir", str(self.world.disks[1].path / str(self.workflow))]
        self.runners.append(
            start_runner(self.server, self.workflow, self.evidence.folder, *options, url=self.proxy.url)
        )

    def live_runners(self) -> list[RunnerProcess]:
        return [runner for runner in self.runners if runner.poll() is None]

    def _come_to_the_end(self, deadline: float) -> None:
        while not self._is_complete():
            assert time.monotonic() < deadline, f"the workflow does not come to its end: {self._counts()}"
            if not self.live_runners():
                self._start_runner()
            time.sleep(0.02)
        for runner in self.runners:
            _, said = runner.communicate(timeout=max(deadline - time.monotonic(), 1))
            self.said.append(said)

    def _is_complete(self) -> bool:
        try:
            with self.server.client() as http:
                return bool(http.get(f"/workflows/{self.workflow}/summary").raise_for_status().json()["is_complete"])
        except httpx.TransportError:
            return False

    def _counts(self) -> dict[str, int]:
        with self.server.client() as http:
            counts = http.get(f"/workflows/{self.workflow}/summary").json()["counts"]
        return {status: n for status, n in counts.items() if n}

    def _judge(self) -> None:
        left: list[int] = []
        try:
            until(lambda: not processes_of(self.workflow, self.proxy.port), "the end of all processes", 2)
        finally:
            left = processes_of(self.workflow, self.proxy.port)
            kill_all(left)
        assert self.evidence.problems(self.server.database, self.workflow) == []
        assert check_file(self.server.database, torc_clients=False) == []
        assert not [said for said in self.said if "Traceback" in said]
        self._judge_statuses()
        self._count()

    def _count(self) -> None:
        """For those who want to know whether anything happened at all."""
        happened = self.world.happened
        happened["rounds"] += 1
        happened["jobs"] += len(self.jobs)
        happened["processes of jobs"] += self.evidence.runs()
        for log in (self.world.disks[1].path / str(self.workflow)).glob("job_runner_*.log"):
            told = log.read_text(errors="replace")
            happened["results from journals"] += sum(map(int, re.findall(r"runners delivered=(\d+)", told)))
            happened["results refused"] += told.count("Result refused") + sum(
                map(int, re.findall(r" refused=(\d+)", told))
            )

    def _judge_statuses(self) -> None:
        with self.server.client() as http:
            found = http.get("/jobs", params={"workflow_id": self.workflow}).json()["items"]
        status = {job["name"]: job["status"] for job in found}
        suffers: set[str] = set()
        for job in self.jobs:
            parents = {self.jobs[parent].name for parent in job.depends_on}
            may = {"completed"} if job.name not in self.failing else {"completed", "failed"}
            if parents & (self.failing | suffers) and job.cancel_on_blocking_job_failure:
                may.add("canceled")
            if status[job.name] == "canceled":
                suffers.add(job.name)
            assert status[job.name] in may, (job.name, status[job.name])


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_server(round_: Round) -> Undo | None:
    return _away(round_, round_.rng.uniform(0, 0.5))


def keep_server_away(round_: Round) -> Undo | None:
    return _away(round_, LEASE_S + 0.3)


def _away(round_: Round, seconds: float) -> Undo | None:
    if round_.server.process is None:
        return None
    round_.server.crash()

    def start() -> None:
        round_.world.disks[0].clear()  # a server that cannot even begin its log is not started: that is said, and right
        if round_.server.process is None:
            round_.server.start()

    return seconds, start


def stop_server(round_: Round) -> Undo | None:
    return _freeze(round_.server.pid, 0.4) if round_.server.process else None


def restart_server(round_: Round) -> None:
    if round_.server.process:
        round_.world.disks[0].clear()
        _signal(round_.server.pid, signal.SIGCONT)  # one that is stopped hears nothing
        round_.server.restart()


def _freeze(pid: int, seconds: float) -> Undo:
    _signal(pid, signal.SIGSTOP)
    return seconds, lambda: _signal(pid, signal.SIGCONT)


def _some_runner(round_: Round) -> RunnerProcess | None:
    live = round_.live_runners()
    return round_.rng.choice(live) if live else None


def kill_runner(round_: Round) -> None:
    guard = _some_runner(round_)
    if guard is not None:
        with suppress(OSError, IndexError):
            _signal(runner_of(guard), signal.SIGKILL)


def kill_server_then_runner(round_: Round) -> Undo | None:
    """What the runner ended meanwhile is in its journal, and the next runner's to deliver."""
    undo = _away(round_, 0.5)
    round_._at(round_.rng.uniform(0.05, 0.4), "kill_runner", lambda: kill_runner(round_))
    return undo


def kill_guard(round_: Round) -> None:
    guard = _some_runner(round_)
    if guard is not None:
        _signal(guard.pid, signal.SIGKILL)


def stop_runner(round_: Round) -> Undo | None:
    return _stop_runner(round_, 0.3)


def partition_runner(round_: Round) -> Undo | None:
    return _stop_runner(round_, LEASE_S + 1.3)


def _stop_runner(round_: Round, seconds: float) -> Undo | None:
    guard = _some_runner(round_)
    if guard is None:
        return None
    try:
        return _freeze(runner_of(guard), seconds)
    except (OSError, IndexError):
        return None


def stop_guard(round_: Round) -> Undo | None:
    guard = _some_runner(round_)
    return _freeze(guard.pid, 0.5) if guard else None


def _job_process(round_: Round, *, leader: bool) -> int | None:
    """A process of a job that runs; its job may fail of what happens to it."""
    found = []
    for pid in processes_of(round_.workflow, round_.proxy.port):
        with suppress(OSError):
            if (os.getsid(pid) == pid) == leader:
                found.append(pid)
    if not found:
        return None
    pid = round_.rng.choice(sorted(found))
    with suppress(OSError):
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        round_.failing |= {each[14:].decode() for each in variables if each.startswith(b"TORC_JOB_NAME=")}
        return pid
    return None


def kill_job(round_: Round) -> None:
    pid = _job_process(round_, leader=True)
    if pid is not None:
        _signal(pid, signal.SIGKILL)


def kill_grandchild(round_: Round) -> None:
    pid = _job_process(round_, leader=False)
    if pid is not None:
        _signal(pid, signal.SIGKILL)


def stop_job(round_: Round) -> Undo | None:
    pid = _job_process(round_, leader=True)
    return _freeze(pid, 0.5) if pid is not None else None


def lose_answers(round_: Round) -> None:
    round_.proxy.lose_answers = round_.rng.randint(1, 6)


def lose_requests(round_: Round) -> None:
    round_.proxy.lose_requests = round_.rng.randint(1, 6)


def repeat_requests(round_: Round) -> None:
    round_.proxy.repeat = round_.rng.randint(1, 10)


def cut_connections(round_: Round) -> None:
    round_.proxy.cut()


def fill_the_state(round_: Round) -> Undo:
    return _fill(round_.world.disks[0], 0.5)


def fill_the_output(round_: Round) -> Undo:
    return _fill(round_.world.disks[1], 0.5)


def _fill(disk: Disk, seconds: float) -> Undo:
    disk.fill()
    return seconds, disk.clear


def no_descriptors_for_the_server(round_: Round) -> Undo | None:
    if round_.server.process is None:
        return None
    pid = round_.server.pid
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)  # what the server was started with
    used = max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, limits[1]))

    def restore() -> None:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)

    return 0.5, restore


def another_runner(round_: Round) -> None:
    """Of the same name, in the same folder."""
    round_._start_runner()


FAULTS: list[Callable[[Round], Undo | None]] = [
    kill_server, kill_server_then_runner, keep_server_away, stop_server, restart_server, kill_runner, kill_guard,
    kill_runner, stop_runner, partition_runner, stop_guard, kill_job, kill_grandchild, stop_job, lose_answers,
    lose_requests,
    repeat_requests, cut_connections, fill_the_state, fill_the_output, no_descriptors_for_the_server, another_runner,
]  # fmt: skip
