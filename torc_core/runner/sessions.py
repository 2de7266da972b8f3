"""The processes of jobs: each job is the leader of a session, and what it starts belongs to it.

A process that leaves the session (a daemon) still carries the variables that name runner, job and attempt in its
environment and, once its parent is gone, is a child of the runner, which is a subreaper. Without /proc only process
groups count.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection, Mapping

from torc_core.models.exchange import Attempt
from torc_core.runner.guard import process_ids

RUNNER_VARIABLE = "TORC_RUNNER_UUID"
"""Set for every job: no process of another runner can be taken for one of ours."""


class ProcessTable:
    """Finds the processes of the jobs of one runner."""

    def __init__(self, runner_uuid: str) -> None:
        self._runner = runner_uuid.encode()
        self._others: dict[int, Attempt | None] = {0: None}
        """Sessions that no job leads, seen in the last pass: whose they are all the same, if anybody's."""

    def members(self, jobs: Mapping[int, Attempt]) -> dict[int, list[int]]:
        """Live and dead-but-unreaped processes of each session in `jobs` (session: attempt), in one pass."""
        found: dict[int, list[int]] = {session: [] for session in jobs}
        sessions = {attempt: session for session, attempt in jobs.items()}
        others: dict[int, Attempt | None] = {0: None}
        for pid in process_ids():
            try:
                session = os.getsid(pid)
            except OSError:
                continue
            if session in found:
                found[session].append(pid)
                continue
            if session in self._others:
                others[session] = self._others[session]
            whose = others[session] if session in others else self._owner(pid, session, others)
            if whose is not None and whose in sessions:
                found[sessions[whose]].append(pid)
        self._others = others
        return found

    def _owner(self, pid: int, session: int, others: dict[int, Attempt | None]) -> Attempt | None:
        """The attempt of this runner whose environment a process carries; entered for its whole session.

        Nothing is entered while the environment is empty, as it is in the moment of an exec.
        """
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                text = file.read()
        except PermissionError:  # another user's
            others[session] = None
            return None
        except OSError:
            return None
        variables = dict(item.partition(b"=")[::2] for item in text.split(b"\0"))
        whose = None
        if variables.get(RUNNER_VARIABLE.encode()) == self._runner:
            with contextlib.suppress(KeyError, ValueError):  # the job changed them
                whose = Attempt(int(variables[b"TORC_JOB_ID"]), int(variables[b"TORC_ATTEMPT_ID"]))
        if text:
            others[session] = whose
        return whose


def end(leader: int, pids: Collection[int], number: int = signal.SIGTERM) -> None:
    """Signal a job: its leader's process group in one call, then every other of its processes.

    A stopped one is woken, so that it hears what it was sent.
    """
    outside = [pid for pid in pids if _group(pid) not in (leader, None)]
    with contextlib.suppress(OSError):
        os.killpg(leader, number)
        os.killpg(leader, signal.SIGCONT)
    for pid in outside:
        with contextlib.suppress(OSError):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)


def kill_left_behind(runner_uuid: str) -> int:
    """Kill what is left of the jobs of a runner that is dead, and whose guard died with it; returns how many."""
    wanted = f"{RUNNER_VARIABLE}={runner_uuid}".encode()
    killed = 0
    for pid in process_ids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
        except OSError:
            continue
    return killed


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


class Strays:
    """Children of the runner that it did not start itself: what jobs left behind, until it is dead and reaped."""

    def __init__(self) -> None:
        self._pids: set[int] = set()
        try:
            self._children = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._children = -1

    def look(self, leaders: Collection[int]) -> bool:
        """Whether there are children that are not leaders of running jobs.

        Costs one small read, of a file that stays open. Where the kernel does not list children nothing is ever found.
        """
        if self._children < 0:
            return False
        listed = os.pread(self._children, 1 << 20, 0)
        if listed.count(b" ") != len(leaders) + len(self._pids):
            self._pids = {pid for pid in map(int, listed.split()) if pid not in leaders}
        return bool(self._pids)

    def reap(self, leaders: Collection[int]) -> None:
        """Take the exit statuses of dead strays, and only theirs."""
        while True:
            try:
                info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                self._pids.clear()
                return
            if info is None or info.si_pid in leaders:
                return
            os.waitpid(info.si_pid, 0)
            self._pids.discard(info.si_pid)
