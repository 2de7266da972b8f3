"""Commands that are no jobs: those of workflow actions and recovery scripts. They take no slots and report no results.

Each leads a session of its own. A thread waits for its end without reaping it, and wakes the main loop, which does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from torc_core.runner.jobs import Jobs
from torc_core.runner.launch import CannotStart, MachineFull

MOST = 8
"""So many run at the same time; others wait."""

PAUSE_S = 0.5
"""When the machine can start nothing more, it is tried again after so long."""


@dataclass(slots=True, eq=False)
class Script:
    """One of them: how it is started, and what is done with its exit code (126 and 127: it could not be started)."""

    start: Callable[[], subprocess.Popen[bytes]]
    then: Callable[[int], None]
    process: subprocess.Popen[bytes] | None = None
    kill_at: float = float("inf")
    stopped: bool = False
    cause: str | None = None
    """Why it could not be started."""


class Scripts:
    """Starts and ends them; to be used by one thread."""

    def __init__(self, jobs: Jobs, wake: Callable[[], None], grace_s: float) -> None:
        self._jobs = jobs
        self._wake = wake
        self._grace_s = grace_s
        self._waiting: deque[Script] = deque()
        self._running: dict[int, Script] = {}
        self._ended: deque[int] = deque()
        self._unwatched: list[int] = []
        """Those that no thread waits for: the machine could start none."""
        self._again_at = 0.0
        """Until then nothing is started: the machine is full."""
        self._look_at = 0.0
        """Then threads are tried again."""

    def run(self, script: Script) -> None:
        """Start it as soon as there is room."""
        self._waiting.append(script)
        self._wake()

    def stop(self, script: Script, now: float, *, kill: bool = False) -> None:
        """Make it end: TERM, and KILL when the grace period is over, or KILL at once. One that waits is not started."""
        script.stopped = True
        if script.process is None:
            return
        _signal(script.process.pid, signal.SIGKILL if kill else signal.SIGTERM)
        script.kill_at = min(script.kill_at, now if kill else now + self._grace_s)

    def due(self) -> float:
        """Monotonic time of the next `tick` that nothing wakes the loop for."""
        begin = self._again_at if self._waiting and len(self._running) < MOST else float("inf")
        begin = min(begin, self._look_at if self._unwatched else float("inf"))
        return min([begin, *(script.kill_at for script in self._running.values())])

    def tick(self, now: float) -> None:
        """Take the exit codes of those that ended, kill what does not end in time, start what waits."""
        if self._unwatched and self._look_at <= now:
            self._look_at = now + PAUSE_S
            unwatched, self._unwatched = self._unwatched, []
            for pid in unwatched:
                self._watch(pid)
        while self._ended:
            pid = self._ended.popleft()
            script = self._running.pop(pid)
            self._jobs.release(pid)
            _, status = os.waitpid(pid, 0)
            code = os.waitstatus_to_exitcode(status)
            if script.process is not None:
                script.process.returncode = code
            script.then(code if code >= 0 else 128 - code)
        for script in self._running.values():
            if script.kill_at <= now and script.process is not None:
                _signal(script.process.pid, signal.SIGKILL)
                script.kill_at = now + 1.0
        while self._waiting and len(self._running) < MOST and self._again_at <= now:
            self._begin(self._waiting.popleft(), now)

    def _begin(self, script: Script, now: float) -> None:
        if script.stopped:
            script.then(128 + signal.SIGTERM)
            return
        try:
            process = script.start()
        except MachineFull:
            self._waiting.appendleft(script)
            self._again_at = now + PAUSE_S
            return
        except CannotStart as error:
            script.cause = str(error)
            script.then(error.return_code)
            return
        script.process = process
        self._jobs.keep(process.pid)
        self._running[process.pid] = script
        self._watch(process.pid)

    def _watch(self, pid: int) -> None:
        try:
            threading.Thread(target=self._await, args=(pid,), daemon=True, name="script").start()
        except RuntimeError:  # the machine can start no thread: `tick` tries again
            self._unwatched.append(pid)

    def _await(self, pid: int) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        self._ended.append(pid)
        self._wake()


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, number)
