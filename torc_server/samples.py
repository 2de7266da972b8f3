"""What running jobs use at the moment and used since they began: in memory only, for who looks at it.

Runners tell samples with the calls that they make anyway (models/exchange.py); nothing of it is written to disk, what
an attempt used in all comes with its result. A curve covers its attempt from beginning to end with at most POINTS
points: when it is full, neighbours become one. Of all attempts, those that ended first are forgotten first. All jobs of
a runner have a curve together, too: to add up theirs, each with times of its own, would cost too much when it is asked.
"""

from __future__ import annotations

import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from torc_core.models.exchange import Attempt, ExchangeRequest, Sample, Started

POINTS = 720
"""Points of a curve at most."""

MOST_POINTS = 400_000
"""Points of the curves of all attempts together, 20 bytes each."""

MOST_CURVES = 20_000
"""Curves, however short: each takes half a kilobyte besides its points."""

MOST_AHEAD_MS = 60_000
"""A sample from so far in the future has a wrong clock; the time of its arrival counts."""

MOST_NODES = 1_000
"""Runners whose curves are kept."""

SAME_TIME_MS = 500
"""A runner measures all of its jobs at once: samples so close are one look."""

LARGEST_CPU = 1e12
"""Percent; above, as with memory below 0 or of 8 EiB, nothing was measured."""

LOOK_S = 20.0
"""So long after somebody asked they are taken to be looking."""

LIVE_MS = 3_000
"""While somebody looks, runners are asked to tell samples this often."""


@dataclass(slots=True)
class Curve:
    """Samples of an attempt: times (ms since 1970), CPU (percent of one core), memory (bytes)."""

    times: array[int] = field(default_factory=lambda: array("q"))
    cpu: array[float] = field(default_factory=lambda: array("f"))
    memory: array[int] = field(default_factory=lambda: array("q"))
    last: Sample | None = None
    per_point: int = 1
    """Samples that make a point."""
    open: int = 0
    """Samples in the last point."""

    def add(self, at_ms: int, sample: Sample) -> int:
        """Take a sample; returns by how many points the curve grew.

        One older than the last, or of impossible size, changes nothing.
        """
        if self.times and at_ms <= self.times[-1]:
            return 0
        if not (0 <= sample.memory_bytes < 1 << 63 and abs(sample.cpu_percent) <= LARGEST_CPU):
            return 0
        self.last = sample
        before = len(self.times)
        if self.times and self.open < self.per_point:
            self._merge(at_ms, sample)
        else:
            self.times.append(at_ms)
            self.cpu.append(sample.cpu_percent)
            self.memory.append(sample.memory_bytes)
            self.open = 1
        if len(self.times) > POINTS:
            self._halve()
        return len(self.times) - before

    def _merge(self, at_ms: int, sample: Sample) -> None:
        """Into the last point: the mean of the CPU, the peak of the memory."""
        self.times[-1] = at_ms
        self.cpu[-1] += (sample.cpu_percent - self.cpu[-1]) / (self.open + 1)
        self.memory[-1] = max(self.memory[-1], sample.memory_bytes)
        self.open += 1

    def _halve(self) -> None:
        """Of two neighbours one point. The last point, which has no neighbour when their number is odd, stays open."""
        pairs = range(0, len(self.times) - 1, 2)
        odd = len(self.times) % 2
        times, cpu, memory = self.times, self.cpu, self.memory
        self.times = array("q", [times[i + 1] for i in pairs]) + times[len(times) - odd :]
        self.cpu = array("f", [(cpu[i] + cpu[i + 1]) / 2 for i in pairs]) + cpu[len(cpu) - odd :]
        self.memory = array("q", [max(memory[i], memory[i + 1]) for i in pairs]) + memory[len(memory) - odd :]
        self.open = self.open if odd else self.open + self.per_point
        self.per_point *= 2

    def outline(self, width: int) -> list[int]:
        """The memory in `width` parts of the time at most, the peak of each."""
        count = len(self.memory)
        parts = min(width, count)
        return [max(self.memory[i * count // parts : (i + 1) * count // parts]) for i in range(parts)]


Key = tuple[int, int, int]
"""Workflow, job, attempt."""


@dataclass(slots=True)
class NodeUse:
    """What the jobs of a runner use together: the sum over their last samples, as a curve."""

    curve: Curve = field(default_factory=Curve)
    jobs: dict[Attempt, Sample] = field(default_factory=dict)

    def take(self, told: ExchangeRequest, now_ms: int) -> None:
        """What a call of the runner says: a point for each time that it looked at its jobs, and which still run."""
        look: int | None = None
        for sample in told.samples:
            at_ms = _when(sample, now_ms)
            if look is not None and at_ms - look > SAME_TIME_MS:
                self._add(look)
                look = None
            if not self.jobs and self.curve.times:
                self._add(at_ms - 1)  # nothing ran until then
            look = at_ms if look is None else look
            self.jobs[Attempt(sample.job_id, sample.attempt_id)] = sample
        if look is not None:
            self._add(look)
        ended = {Attempt(result.job_id, result.attempt_id) for result in told.results}
        had, alive = bool(self.jobs), set(told.held) - ended
        self.jobs = {attempt: last for attempt, last in self.jobs.items() if attempt in alive}
        if had and not self.jobs:
            self._add(now_ms)

    def _add(self, at_ms: int) -> None:
        jobs = self.jobs.values()
        cpu, memory = sum(last.cpu_percent for last in jobs), sum(last.memory_bytes for last in jobs)
        self.curve.add(at_ms, Sample(0, 0, cpu, memory, sum(last.num_processes for last in jobs), at_ms))


def _when(sample: Sample, now_ms: int) -> int:
    """When it was made, unless its clock is wrong."""
    return sample.at_ms if 0 < sample.at_ms <= now_ms + MOST_AHEAD_MS else now_ms


class Samples:
    """The curves of attempts and of runners, and who looks at them. Used by the event loop only."""

    def __init__(self, hurry: Callable[[int, float], None] = lambda _, __: None) -> None:
        """`hurry`: has a workflow's runners make their next call now, unless it is due within so many seconds."""
        self._curves: OrderedDict[Key, Curve] = OrderedDict()
        self._nodes: OrderedDict[tuple[int, int], NodeUse] = OrderedDict()
        """By workflow and runner."""
        self._points = 0
        self._looked: dict[int, float] = {}
        """Workflow -> monotonic time until which somebody looks at it."""
        self._hurry = hurry

    def started(self, workflow_id: int, told: Iterable[Started]) -> None:
        """Attempts began: what is known of one with this number was in an earlier run."""
        for begun in told if self._curves else ():
            if old := self._curves.pop((workflow_id, begun.job_id, begun.attempt_id), None):
                self._points -= len(old.times)

    def take(self, workflow_id: int, told: Iterable[Sample]) -> None:
        """What a runner of this workflow told."""
        now = time.time_ns() // 1_000_000
        for sample in told:
            key = (workflow_id, sample.job_id, sample.attempt_id)
            curve = self._curves.get(key)
            if curve is None:
                curve = self._curves[key] = Curve()
            self._curves.move_to_end(key)
            self._points += curve.add(_when(sample, now), sample)
        while self._points > MOST_POINTS or len(self._curves) > MOST_CURVES:
            _, oldest = self._curves.popitem(last=False)
            self._points -= len(oldest.times)

    def take_of_node(self, workflow_id: int, node_id: int, told: ExchangeRequest) -> None:
        """What a call of a runner says of all of its jobs together; costs nothing where none is measured."""
        key = (workflow_id, node_id)
        use = self._nodes.get(key)
        if not told.samples and (use is None or not use.jobs):
            return
        if use is None:
            use = self._nodes[key] = NodeUse()
        self._nodes.move_to_end(key)
        use.take(told, time.time_ns() // 1_000_000)
        if len(self._nodes) > MOST_NODES:
            self._nodes.popitem(last=False)

    def node_curve(self, workflow_id: int, node_id: int) -> Curve | None:
        """What the jobs of a runner used together, also for a while after it is gone."""
        use = self._nodes.get((workflow_id, node_id))
        return use.curve if use else None

    def curve(self, workflow_id: int, job_id: int, attempt_id: int) -> Curve | None:
        """What is known of an attempt, also for a while after it ended."""
        return self._curves.get((workflow_id, job_id, attempt_id))

    def last(self, workflow_id: int, job_id: int, attempt_id: int) -> Sample | None:
        """What an attempt used when it was last looked at."""
        curve = self.curve(workflow_id, job_id, attempt_id)
        return curve.last if curve else None

    def look(self, workflow_id: int) -> None:
        """Somebody sees running jobs of this workflow: its runners tell more often for a while."""
        now = time.monotonic()
        if self._looked.get(workflow_id, 0.0) < now:
            self._looked = {key: until for key, until in self._looked.items() if until > now}
        self._hurry(workflow_id, LIVE_MS / 1000)  # each time: a call may have been on its way to be held before
        self._looked[workflow_id] = now + LOOK_S

    def patience_ms(self, workflow_id: int, wait_ms: int) -> int:
        """How long a call of a runner that would wait `wait_ms` is to be held."""
        until = self._looked.get(workflow_id) if self._looked else None
        return wait_ms if until is None or until < time.monotonic() else min(wait_ms, LIVE_MS)
