"""What jobs use while they run, and what happens when it is more than they asked for (design: Limits)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from torc_core.models.exchange import Sample
from torc_core.runner import monitor
from torc_core.runner.jobs import Ending, Jobs, Running
from torc_core.runner.monitor import Usage
from torc_core.wording import size_text

if TYPE_CHECKING:
    from torc_core.runner.series import Series

TICK_S = 1.0
OVER_RUNTIME = 152
"""128 + SIGXCPU, what Slurm also says of a job that took too long."""
OVER_MEMORY = 137

TOLD_AFTER_S = 1.0
"""Of a job that ends sooner nobody is told samples."""

TOLD_PER_AGE = 60
"""A job's samples are told this often in its life so far, as long as that is not less often than all are taken."""

MOST_TOLD = 2_000
"""So many samples wait for the next call at most; the oldest give way."""


class Watch:
    """Samples running jobs: each once after 50 ms, then all each `interval_s` (each second while limits are kept).

    `enforce` False switches the limits off, `measure` False everything that is not needed for them. What is measured
    is also told to the server, each second of young jobs, later each `interval_s`, and kept in `series`, if given.
    """

    def __init__(
        self, jobs: Jobs, *, enforce: bool, measure: bool, interval_s: float = TICK_S, series: Series | None = None
    ) -> None:
        self._jobs = jobs
        self._enforce = enforce
        self._measure = measure
        self._interval_s = min(interval_s, TICK_S) if enforce else interval_s
        self._tell_s = interval_s
        self._series = series
        self._young: deque[Running] = deque()
        self._tick_at = float("inf")
        self._deadline = float("inf")
        self._samples: deque[Sample] = deque(maxlen=MOST_TOLD)

    def started(self, running: Running) -> None:
        """A job began."""
        if self._measure or self._enforce:
            self._young.append(running)

    def due(self) -> float:
        """Monotonic time of the next `tick`."""
        while self._young and self._young[0].exit_code is not None:
            self._young.popleft()
        first = self._young[0].started + monitor.FIRST_S if self._young else float("inf")
        return min(first, self._tick_at, self._deadline)

    def tick(self, now: float) -> None:
        """Sample what is due, and stop jobs over their limits."""
        if now < self.due():
            return
        sampled = []
        while self._young and self._young[0].started + monitor.FIRST_S <= now:
            running = self._young.popleft()
            if running.exit_code is None:
                running.usage = Usage()
                sampled.append(running)
        if now >= self._tick_at:
            sampled = [running for running in self._jobs.running.values() if running.usage is not None]
        if sampled:
            self._sample(sampled, now)
        if self._enforce:
            self._check_runtimes(now)
        old = any(running.usage is not None for running in self._jobs.running.values())
        if not old:
            self._tick_at = float("inf")
        elif now >= self._tick_at or self._tick_at == float("inf"):
            self._tick_at = now + self._interval_s

    def samples(self) -> list[Sample]:
        """What there is to tell the server since this was last asked."""
        samples = list(self._samples)
        self._samples.clear()
        return samples

    def _is_to_tell(self, running: Running, usage: Usage, now: float) -> bool:
        age = now - running.started
        pause = min(max(age / TOLD_PER_AGE, TICK_S), self._tell_s)
        return age >= TOLD_AFTER_S and now - usage.told >= pause

    def _sample(self, jobs: list[Running], now: float) -> None:
        members = self._jobs.members(jobs)
        told: list[tuple[Sample, str]] = []
        for running in jobs:
            usage = running.usage
            if usage is None:
                continue
            monitor.sample(usage, running.started, members[running.pid])
            if self._measure and usage.count and self._is_to_tell(running, usage, now):
                told.append((_sample_of(running, usage, now), running.job.name))
            if self._enforce and running.job.limits and running.ending is None:
                self._check_memory(running, usage)
        self._samples.extend(sample for sample, _ in told)
        if told and self._series is not None:
            self._series.add(jobs[0].job.run_id, told)

    def _check_memory(self, running: Running, usage: Usage) -> None:
        limit = running.job.memory_bytes
        if not limit or usage.memory <= limit:
            return
        used = usage.memory
        if usage.num_processes > 1:  # the sum counts shared pages more than once
            used = monitor.proportional_memory(usage.pids) or used
        if used > limit:
            cause = f"over memory: {size_text(used)} used, limit {size_text(limit)}"
            self._jobs.stop([running.attempt], Ending("failed", cause, OVER_MEMORY), kill=True)

    def _check_runtimes(self, now: float) -> None:
        self._deadline = float("inf")
        for running in list(self._jobs.running.values()):
            limit = running.job.runtime_s
            if not running.job.limits or not limit or running.ending is not None or running.usage is None:
                continue
            deadline = running.started + limit
            if deadline <= now:
                cause = f"over runtime: limit {limit} s"
                self._jobs.stop([running.attempt], Ending("terminated", cause, OVER_RUNTIME))
            else:
                self._deadline = min(self._deadline, deadline)


def _sample_of(running: Running, usage: Usage, now: float) -> Sample:
    """What it used just now, to be told."""
    usage.told = now
    job, attempt = running.attempt.job_id, running.attempt.attempt_id
    at_ms = running.started_ms + int((now - running.started) * 1000)
    return Sample(job, attempt, round(usage.cpu, 1), usage.memory, usage.num_processes, at_ms)
