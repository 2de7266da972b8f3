"""What this machine offers a runner, and what of it is free."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path

from torc_core.models.exchange import Assignment, FreeResources

GIB = 1 << 30

GPU_VARIABLES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a runner may use: CPUs, memory in bytes, GPUs by the names that CUDA_VISIBLE_DEVICES takes."""

    num_cpus: int
    memory_bytes: int
    gpus: tuple[str, ...]


def measure() -> Offer:
    """What this process may use now: affinity, the container's CPU and memory quotas, GPUs."""
    return Offer(usable_cpus(), usable_memory(), visible_gpus())


def usable_cpus() -> int:
    """CPUs of the affinity mask, at most the cgroup's quota, at least 1."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [_cpu_quota_v2(folder) for folder in cgroup_folders("")]
    quotas += [_cpu_quota_v1(folder) for folder in cgroup_folders("cpu")]
    return max(1, min([cpus, *(int(quota) for quota in quotas if quota)]))


def usable_memory() -> int:
    """Physical memory in bytes, at most the cgroup's limit."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [_number(folder / "memory.max") for folder in cgroup_folders("")]
    limits += [_number(folder / "memory.limit_in_bytes") for folder in cgroup_folders("memory")]
    return min([physical, *(limit for limit in limits if limit)])


def visible_gpus() -> tuple[str, ...]:
    """GPUs this process may use: those of CUDA_VISIBLE_DEVICES (or ROCR_…) if set, else the driver's, by index."""
    for variable in GPU_VARIABLES:
        told = os.environ.get(variable)
        if told is not None:
            names = (name.strip() for name in told.split(","))
            return tuple(name for name in names if name and name != "-1" and name.lower() != "nodevfiles")
    cards = glob.glob("/proc/driver/nvidia/gpus/*")
    if not cards:
        cards = [path for path in glob.glob("/dev/nvidia*") if re.fullmatch(r"/dev/nvidia\d+", path)]
    return tuple(str(index) for index in range(len(cards)))


def cgroup_folders(controller: str, root: Path = Path("/sys/fs/cgroup"), proc: Path = Path("/proc/self")) -> list[Path]:
    """The folders of our cgroup and all above it, for a version 1 controller, or for version 2 with an empty name."""
    try:
        lines = (proc / "cgroup").read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if (controller and controller in controllers.split(",")) or (not controller and number == "0"):
            top = root / controllers if controller else root
            own = top / path.lstrip("/")
            # In a container the path may be the host's and not exist here: then the top is ours.
            return [folder for folder in (own, *own.parents) if folder.is_relative_to(top) and folder.is_dir()]
    return []


def _cpu_quota_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _cpu_quota_v1(folder: Path) -> float | None:
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return quota / period if quota and period else None


def _number(path: Path) -> int | None:
    """A positive number from a file; None for `max`, -1 or what is not there."""
    try:
        number = int(path.read_text())
    except (OSError, ValueError):
        return None
    return number if number > 0 else None


class Pool:
    """Counts what running jobs use of the offer; `max_jobs` limits their number.

    With `by_resources` False (queue mode: --max-parallel-jobs alone) only that number counts.
    """

    def __init__(self, offer: Offer, max_jobs: int | None, by_resources: bool) -> None:
        self.offer = offer
        self.max_jobs = max_jobs
        self.by_resources = by_resources
        self._cpus = offer.num_cpus
        self._memory = offer.memory_bytes
        self._gpus = list(offer.gpus)
        self._running = 0
        self.paused_until = float("inf")
        """Monotonic time until which nothing can be started; infinity when it can."""

    def free(self) -> FreeResources:
        """What another job may take, never negative."""
        return FreeResources(max(self._cpus, 0), max(self._memory, 0), len(self._gpus))

    def slots(self) -> int:
        """How many jobs may start now at most."""
        if self.paused_until != float("inf"):
            return 0
        if self.max_jobs is None:
            return max(self._cpus, 0)
        left = self.max_jobs - self._running
        return max(min(left, self._cpus) if self.by_resources else left, 0)

    def capacity(self, like: Assignment | None) -> int:
        """How many jobs like this one may run at once."""
        if like is None:
            return 0
        most = self.max_jobs if self.max_jobs is not None else self.offer.num_cpus
        if self.by_resources:
            most = min(most, self.offer.num_cpus // max(like.num_cpus, 1))
            most = min(most, self.offer.memory_bytes // max(like.memory_bytes, 1))
            most = min(most, len(self.offer.gpus) // like.num_gpus) if like.num_gpus else most
        return most

    def fits(self, job: Assignment) -> bool:
        """Whether the job may start now."""
        if self.max_jobs is not None and self._running >= self.max_jobs:
            return False
        if not self.by_resources:
            return True
        return job.num_cpus <= self._cpus and job.memory_bytes <= self._memory and job.num_gpus <= len(self._gpus)

    def take(self, job: Assignment) -> list[str]:
        """Count the job; returns its GPUs (fewer than it asks for only in queue mode)."""
        self._running += 1
        self._cpus -= job.num_cpus
        self._memory -= job.memory_bytes
        if not job.num_gpus:
            return []
        gpus = self._gpus[: job.num_gpus]
        del self._gpus[: job.num_gpus]
        return gpus

    def give_back(self, job: Assignment, gpus: list[str]) -> None:
        """The job ended."""
        self._running -= 1
        self._cpus += job.num_cpus
        self._memory += job.memory_bytes
        if gpus:
            self._gpus = sorted(self._gpus + gpus, key=self.offer.gpus.index)
