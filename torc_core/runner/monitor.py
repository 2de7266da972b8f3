"""What jobs use: memory and CPU of all processes of their sessions, read from /proc for all jobs at once.

Jobs shorter than FIRST_S cost nothing here; their CPU time comes from the kernel's accounting when they end.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from torc_core.models.exchange import AttemptResult

FIRST_S = 0.05
"""Age of a job at its first sample."""

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
RUSAGE_UNIT = 1024 if os.uname().sysname == "Linux" else 1


@dataclass(slots=True)
class Usage:
    """Samples of one attempt. Memory is the sum of resident sizes, in bytes; CPU is percent of one core."""

    count: int = 0
    memory: int = 0
    """At the last sample."""
    peak_memory: int = 0
    sum_memory: int = 0
    cpu: float = 0.0
    """Between the last two samples."""
    peak_cpu: float = 0.0
    num_processes: int = 0
    pids: list[int] = field(default_factory=list)
    told: float = 0.0
    """Monotonic time of the last sample that the server is told."""
    _when: float = 0.0
    _ticks: dict[int, int] = field(default_factory=dict)

    def add(self, now: float, started: float, processes: dict[int, tuple[int, int]]) -> None:
        """Take a sample made at monotonic `now`: CPU ticks and resident pages of each process."""
        since = self._when or started
        ticks = {pid: used for pid, (used, _) in processes.items()}
        spent = sum(max(used - self._ticks.get(pid, 0), 0) for pid, used in ticks.items())
        self.cpu = spent / TICKS / max(now - since, 1e-3) * 100
        self._when, self._ticks = now, ticks
        self.memory = sum(pages for _, pages in processes.values()) * PAGE
        self.peak_memory = max(self.peak_memory, self.memory)
        self.sum_memory += self.memory
        self.peak_cpu = max(self.peak_cpu, self.cpu)
        self.num_processes = len(processes)
        self.pids = list(processes)
        self.count += 1


def sample(usage: Usage, started: float, pids: Iterable[int]) -> None:
    """Add a sample of these processes of a job that began at monotonic `started`."""
    now = time.monotonic()
    processes = {pid: read for pid in pids if (read := _read(pid)) is not None}
    if processes:
        usage.add(now, started, processes)


def proportional_memory(pids: Iterable[int]) -> int | None:
    """Memory of processes with shared pages counted once among their users (PSS), in bytes; None if unknown.

    Costs a walk over all their pages, so only for a decision that must not be wrong.
    """
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith(b"Pss:")) * 1024
        except (OSError, StopIteration, ValueError):
            continue
    return total or None


def summarize(result: AttemptResult, usage: Usage | None, used: resource.struct_rusage, seconds: float) -> None:
    """Write into a result what its attempt used in `seconds`; what is not known stays None.

    The kernel's peak of the largest single process counts only above the runner's own: a process made by vfork
    inherits that one (design: Limits).
    """
    kernel = used.ru_maxrss if used.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss else 0
    sampled = usage.peak_memory if usage is not None else 0
    result.peak_memory_bytes = max(sampled, kernel * RUSAGE_UNIT) or None
    result.avg_cpu_percent = round((used.ru_utime + used.ru_stime) / max(seconds, 1e-3) * 100, 1)
    if usage is not None and usage.count:
        result.avg_memory_bytes = usage.sum_memory // usage.count
        result.peak_cpu_percent = round(max(usage.peak_cpu, result.avg_cpu_percent), 1)


def _read(pid: int) -> tuple[int, int] | None:
    """CPU ticks and resident pages of a process; None when it is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = file.read(1024).rpartition(b")")[2].split()
    except OSError:
        return None
    if len(fields) < 22 or fields[0] == b"Z":
        return None
    return int(fields[11]) + int(fields[12]), int(fields[21])
