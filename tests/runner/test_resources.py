"""What a machine offers, in containers and out of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from torc_core.models.exchange import Assignment
from torc_core.runner import resources
from torc_core.runner.resources import Offer, Pool, cgroup_folders


def _job(**fields: int) -> Assignment:
    values = {"num_cpus": 1, "memory_bytes": 10, "resource_requirements_id": 1} | fields
    return Assignment(job_id=1, run_id=1, attempt_id=1, name="a", command="true", **values)  # type: ignore[arg-type]


def _cgroups(folder: Path, membership: str, files: dict[str, str]) -> None:
    (folder / "cgroup").write_text(membership)
    for name, text in files.items():
        path = folder / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 16 CPUs whose cgroups are in tmp_path."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setattr(
        resources, "cgroup_folders", lambda name: cgroup_folders(name, root=tmp_path / "fs", proc=tmp_path)
    )
    return tmp_path


def test_quotas_of_version_2_count_at_every_level(machine: Path) -> None:
    files = {"a/cpu.max": "350000 100000", "a/b/cpu.max": "max 100000", "a/b/memory.max": "max", "a/memory.max": "4096"}
    _cgroups(machine, "0::/a/b\n", files)

    assert resources.usable_cpus() == 3
    assert resources.usable_memory() == 4096


def test_quotas_of_version_1_count_even_when_the_path_is_the_hosts(machine: Path) -> None:
    files = {
        "cpu,cpuacct/cpu.cfs_quota_us": "50000",
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes": "8192",
    }
    _cgroups(machine, "3:memory:/docker/x\n2:cpu,cpuacct:/docker/x\n", files)

    assert resources.usable_cpus() == 1
    assert resources.usable_memory() == 8192


def test_without_quotas_affinity_and_physical_memory_count(machine: Path) -> None:
    _cgroups(machine, "0::/\n", {"cpu.max": "max 100000", "memory.max": "max"})

    assert resources.usable_cpus() == 16
    assert resources.usable_memory() == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_a_pool_takes_and_gives_back_the_same_gpus() -> None:
    pool = Pool(Offer(4, 100, ("5", "7", "9")), None, by_resources=True)
    first, second = pool.take(_job(num_gpus=1)), pool.take(_job(num_gpus=1))
    assert (first, second) == (["5"], ["7"])

    pool.give_back(_job(num_gpus=1), first)

    assert pool.take(_job(num_gpus=2)) == ["5", "9"]
    assert not pool.fits(_job(num_gpus=1))


def test_a_pool_knows_how_many_jobs_of_a_kind_run_at_once() -> None:
    pool = Pool(Offer(8, 100, ("0",)), None, by_resources=True)

    assert [pool.capacity(job) for job in (_job(num_cpus=3), _job(memory_bytes=30), _job(num_gpus=1), None)] == [
        2,
        3,
        1,
        0,
    ]
