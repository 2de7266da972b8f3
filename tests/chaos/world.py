"""A server, runners behind a bad network, jobs that misbehave, and rounds in which faults happen to them."""

from __future__ import annotations

import heapq
import itertools
import random
import re
import resource
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx

from tests.chaos.evidence import Evidence, kill_all, processes_of
from tests.chaos.faults import FAULTS, LEASE_S, Undo, send_signal
from tests.chaos.proxy import Proxy
from tests.real import RunnerProcess, start_runner, store
from tests.runner.waiting import until
from tests.server_process import ServerProcess
from torc_core.models.plan import PlannedJob
from torc_server.maintenance import check_file

ROUND_S = 45
"""A round comes to its end within this."""

ROOM = 256
"""Bytes of the longest file of who has no room: jobs are limited as their runner is, and their evidence is shorter."""


def _is_past(when: float) -> bool:
    return time.monotonic() >= when


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
    """A small file system that can be filled.

    Where the tests may not mount one it is a folder, and those who write there are not allowed files of any size while
    it is full: they get EFBIG in place of ENOSPC.
    """

    def __init__(self, path: Path, megabytes: int) -> None:
        self.path = path
        path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
        self.mounted = bool(shutil.which("mount")) and subprocess.run(command, capture_output=True).returncode == 0
        self._limited: set[int] = set()

    def fill(self, writers: Sequence[int]) -> None:
        """Leave no room; `writers` are the processes that write there now."""
        if not self.mounted:
            self._limited.update(writers)
            self._limit(ROOM)
            return
        with suppress(OSError), open(self.path / "filler", "wb", buffering=0) as file:
            while file.write(b"\0" * 65536):
                pass

    def clear(self) -> None:
        """Make room again."""
        self._limit(resource.RLIM_INFINITY)
        self._limited.clear()
        (self.path / "filler").unlink(missing_ok=True)

    def _limit(self, size: int) -> None:
        for pid in self._limited:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

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
            self.start_one()
        for _ in range(self.rng.randint(1, 3)):
            fault = self.rng.choice(FAULTS)
            self.at(self.rng.uniform(0.4, 1.3), fault.__name__, partial(self._happen, fault))
        try:
            while self._due:
                when, _, _, act = heapq.heappop(self._due)
                until(partial(_is_past, when), "the next fault")
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
                send_signal(runner.pid, signal.SIGKILL)

    def at(self, seconds: float, name: str, act: Callable[[], None]) -> None:
        """Do something in so many seconds."""
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._number), name, act))

    def _happen(self, fault: Callable[[Round], Undo | None]) -> None:
        self.world.happened[fault.__name__] += 1
        undo = fault(self)
        if undo is not None:
            self.at(undo[0], f"after {fault.__name__}", undo[1])

    def start_one(self) -> None:
        """Start a runner."""
        options = ["--max-parallel-jobs", str(self.rng.randint(2, 5)), "--grace-s", "0.2"]
        options += ["--output-dir", str(self.world.disks[1].path / str(self.workflow))]
        self.runners.append(
            start_runner(self.server, self.workflow, self.evidence.folder, *options, url=self.proxy.url)
        )

    def live_runners(self) -> list[RunnerProcess]:
        return [runner for runner in self.runners if runner.poll() is None]

    def _come_to_the_end(self, deadline: float) -> None:
        until(self._is_over, "the end of the workflow", deadline - time.monotonic())
        for runner in self.runners:
            _, said = runner.communicate(timeout=max(deadline - time.monotonic(), 1))
            self.said.append(said)

    def _is_over(self) -> bool:
        """Whether the workflow is complete; while it is not there is a runner for it."""
        over = self._is_complete()
        if not over and not self.live_runners():
            self.start_one()
        return over

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
