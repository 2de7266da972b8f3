"""The jobs that run here: how they start, how they are made to end, and what is told about them."""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass

from torc_core.crash import crash_point
from torc_core.models.exchange import Assignment, Attempt, AttemptResult, OutputStat, Started
from torc_core.runner import monitor, outputs
from torc_core.runner.launch import CannotStart, Launcher, MachineFull, delete_output, stderr_tail
from torc_core.runner.log import Log
from torc_core.runner.resources import Pool
from torc_core.runner.sessions import ProcessTable, Strays, end
from torc_core.wording import with_note

LINGER_S = 0.05
"""How often the rest of a job that was told to end is looked at, once its first process has gone."""

SPARE_FDS = 64
"""Descriptors that are kept for starting jobs: pidfds take no more than the rest of the limit."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a job is made to end, and what its result will say. `status` None: nothing is reported."""

    status: str | None
    cause: str | None = None
    return_code: int | None = None
    """In place of the process's own."""


@dataclass(slots=True, eq=False)
class Running:
    """A job and its process."""

    job: Assignment
    attempt: Attempt
    process: subprocess.Popen[bytes]
    gpus: list[str]
    started: float
    """Monotonic."""
    started_ms: int
    fd: int = -1
    """The pidfd, or -1 where there are none."""
    ending: Ending | None = None
    kill_at: float = float("inf")
    exit_code: int | None = None
    used: resource.struct_rusage | None = None
    usage: monitor.Usage | None = None

    @property
    def pid(self) -> int:
        """The first process; it leads the job's session."""
        return self.process.pid

    @property
    def is_superseded(self) -> bool:
        """The attempt is not ours any more: it only has to end."""
        return self.ending is not None and self.ending.status is None


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that is over; `result` is None when there is nothing to report."""

    attempt: Attempt
    job: Assignment
    seconds: float
    result: AttemptResult | None


@dataclass(frozen=True, slots=True)
class Grace:
    """Seconds between TERM and KILL."""

    usual_s: float
    supported_s: float
    """For a job that says that it supports termination: it has work to save (runner.md 1.10). At least the usual."""

    def of(self, job: Assignment) -> float:
        """That of a job."""
        return max(self.usual_s, self.supported_s) if job.supports_termination else self.usual_s


class Jobs:
    """Starts and ends processes and notices their exits; to be used by one thread.

    Exits arrive as events of `selector` whose data is the Running, which goes to `exited`; where there are no pidfds
    SIGCHLD wakes the loop and `poll` finds them.
    """

    def __init__(
        self,
        launcher: Launcher,
        pool: Pool,
        table: ProcessTable,
        selector: selectors.BaseSelector,
        log: Log,
        grace: Grace,
    ) -> None:
        self.running: dict[Attempt, Running] = {}
        self._leaders: set[int] = set()
        """Pids of the first processes of jobs, and of others that are not left behind by any."""
        self._lingering: dict[Attempt, Running] = {}
        self._unwatched: dict[Attempt, Running] = {}
        self._launcher = launcher
        self._pool = pool
        self._table = table
        self._strays = Strays()
        self._selector = selector
        self._log = log
        self._grace = grace
        self._look_at = float("inf")
        self._last_fd = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FDS

    def start(self, attempt: Attempt, job: Assignment) -> Running | Ended | None:
        """Start a job; when that is impossible it has ended, as failed. None: the machine can start nothing now."""
        crash_point("runner.spawn.before")
        gpus = self._pool.take(job)
        now_ms = time.time_ns() // 1_000_000
        try:
            process = self._launcher.start(job, gpus)
        except CannotStart as error:
            self._pool.give_back(job, gpus)
            if isinstance(error, MachineFull):
                self._log.warn(f"Job waits {_names(job)} cause={error}")
                return None
            self._log.warn(f"Job start failed {_names(job)} cause={error}")
            return Ended(attempt, job, 0.0, _result(job, "failed", error.return_code, now_ms, now_ms, str(error)))
        crash_point("runner.spawn.after")
        running = Running(job, attempt, process, gpus, time.monotonic(), now_ms)
        self.running[attempt] = running
        self._leaders.add(process.pid)
        self._watch(running)
        self._log.info(f"Job started {_names(job)}")
        return running

    def exited(self, running: Running) -> Ended | None:
        """Take the exit status; None when the job is not over yet."""
        pid, status, used = os.wait4(running.pid, os.WNOHANG)
        if pid == 0:
            return None
        crash_point("runner.exit.noticed")
        code = os.waitstatus_to_exitcode(status)
        running.process.returncode = code  # Popen must not wait for it again
        running.exit_code = code if code >= 0 else 128 - code
        running.used = used
        self._leaders.discard(pid)
        self._unwatched.pop(running.attempt, None)
        if running.fd >= 0:
            self._selector.unregister(running.fd)
            os.close(running.fd)
        rest = self._rest(running)
        if rest and running.ending is not None and time.monotonic() < running.kill_at:
            self._lingering[running.attempt] = running
            self._look_at = time.monotonic() + LINGER_S
            return None
        return self._over(running, rest)

    def poll(self) -> list[Ended]:
        """Exits of processes that have no pidfd."""
        return [over for job in list(self._unwatched.values()) if (over := self.exited(job)) is not None]

    def stop(self, attempts: Iterable[Attempt], ending: Ending, *, kill: bool = False) -> None:
        """Make jobs end: TERM, and KILL when their grace period is over, or KILL at once."""
        stopping = []
        for attempt in attempts:
            running = self.running.get(attempt)
            if running is None or (running.ending is not None and not kill and ending.status is not None):
                continue
            if running.ending is None or ending.status is None:
                running.ending = ending
            if running.kill_at == float("inf") or kill:
                stopping.append(running)
        self._signal(stopping, signal.SIGKILL if kill else signal.SIGTERM)
        now = time.monotonic()
        for running in stopping:
            running.kill_at = now if kill else now + self._grace.of(running.job)
            self._look_at = min(self._look_at, running.kill_at)

    def tick(self, now: float) -> list[Ended]:
        """Kill what does not end in time, and return jobs whose last process has gone."""
        if now < self._look_at:
            return []
        late = [job for job in self.running.values() if job.kill_at <= now and job.attempt not in self._lingering]
        self._signal(late, signal.SIGKILL)
        for job in late:
            job.kill_at = now + 1.0
        ended = []
        for running in list(self._lingering.values()):
            rest = self._rest(running)
            if not rest or running.kill_at <= now:
                del self._lingering[running.attempt]
                ended.append(self._over(running, rest))
        self._look_at = min((job.kill_at for job in self.running.values()), default=float("inf"))
        if self._lingering:
            self._look_at = min(self._look_at, now + LINGER_S)
        return ended

    def due(self) -> float:
        """Monotonic time of the next `tick`."""
        return self._look_at

    def reap(self) -> None:
        """Take the exit statuses of what jobs left behind."""
        self._strays.reap(self._leaders)

    def keep(self, pid: int) -> None:
        """A child of this process that belongs to no job: whoever started it takes its exit status."""
        self._leaders.add(pid)

    def release(self, pid: int) -> None:
        """It has ended."""
        self._leaders.discard(pid)

    def members(self, jobs: Iterable[Running]) -> dict[int, list[int]]:
        """Processes of each of these jobs, by the pid of its first."""
        return self._table.members({job.pid: job.attempt for job in jobs})

    def started(self, running: Running) -> Started:
        """What is told about a job that runs."""
        attempt = running.attempt
        return Started(attempt.job_id, attempt.attempt_id, running.started_ms, running.pid)

    def _watch(self, running: Running) -> None:
        try:
            running.fd = os.pidfd_open(running.pid)
        except (AttributeError, OSError):  # macOS, or an old kernel
            self._unwatch(running)
            return
        if running.fd > self._last_fd:
            os.close(running.fd)
            self._unwatch(running)
            return
        self._selector.register(running.fd, selectors.EVENT_READ, running)

    def _unwatch(self, running: Running) -> None:
        running.fd = -1
        self._unwatched[running.attempt] = running
        signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes the loop through its wake-up descriptor

    def _signal(self, jobs: list[Running], number: int) -> None:
        if jobs:
            for leader, pids in self.members(jobs).items():
                end(leader, pids, number)

    def _rest(self, running: Running) -> list[int]:
        """Processes of a job whose first process has been reaped."""
        if not self._strays.look(self._leaders):
            return []
        self._strays.reap(self._leaders)
        return self.members([running])[running.pid]

    def _over(self, running: Running, rest: list[int]) -> Ended:
        seconds = time.monotonic() - running.started
        if running.job.keep_background and running.ending is None:
            rest = []  # they die with the runner
        if rest:
            end(running.pid, rest, signal.SIGKILL)
        del self.running[running.attempt]
        self._pool.give_back(running.job, running.gpus)
        result = None
        if running.ending is None or running.ending.status is not None:
            result = self._report(running, seconds, len(rest))
            self._log.info(
                f"Job process completed {_names(running.job)} return_code={result.return_code} "
                f"status={result.status} exec_time_s={seconds:.3f}"
            )
        else:
            self._log.info(f"Job process ended, superseded {_names(running.job)}")
        return Ended(running.attempt, running.job, seconds, result)

    def _report(self, running: Running, seconds: float, left_behind: int) -> AttemptResult:
        job, ending = running.job, running.ending
        code = running.exit_code or 0
        cause = None
        found: list[OutputStat] = []
        if ending is not None:
            status, cause = ending.status or "", ending.cause
            code = code if ending.return_code is None else ending.return_code
        elif code:
            status = "failed"
        else:
            status = "completed"
            if job.output_files:
                found, missing = outputs.check(job, self._launcher.cwd(job))
                if missing:
                    status, code, cause = "failed", 1, f"missing output files: {', '.join(missing)}"
                    self._log.warn(
                        f"Output file validation failed for job {job.job_id}: Job {job.job_id} completed successfully "
                        f"but expected output files are missing: {', '.join(missing)}"
                    )
        if left_behind and ending is None:
            note = f"killed {left_behind} background process{'es' * (left_behind > 1)} left behind"
            self._log.warn(f"Job left processes behind {_names(job)}: {note}")
            cause = with_note(cause, code, note)
        start, end_ms = running.started_ms, running.started_ms + int(seconds * 1000)
        result = _result(job, status, code, start, end_ms, cause)
        result.outputs = found
        if status != "completed":
            result.stderr_tail = stderr_tail(job, self._launcher.stdio(job))
        elif job.stdio is not None and job.stdio.delete_on_success:
            delete_output(self._launcher.stdio(job))
        if running.used is not None:
            monitor.summarize(result, running.usage, running.used, seconds)
        return result


def _result(
    job: Assignment, status: str, code: int, start_ms: int, end_ms: int, cause: str | None = None
) -> AttemptResult:
    return AttemptResult(job.job_id, job.run_id, job.attempt_id, status, code, start_ms, end_ms, cause=cause)


def _names(job: Assignment) -> str:
    return f"job_id={job.job_id} run_id={job.run_id} attempt_id={job.attempt_id}"
