"""Slurm schedulers and what all of them share (spec.md 3.7, 10), and whether they fit the jobs (spec.md 14.1)."""

from __future__ import annotations

from typing import Any

from torc_core.spec import values
from torc_core.spec.document import Path, Source
from torc_core.spec.model import SchedulerSpec, WorkflowSpec
from torc_core.spec.objects import items, named, read_mapping
from torc_core.spec.values import Reader, quoted

SLURM_DEFAULTS_REFUSED = frozenset({"partition", "nodes", "walltime", "time", "mem", "gres", "name", "job-name"})
"""Options of sbatch that torc sets itself; `_` counts as `-` in them, as in the submission."""

_COUNT = values.whole(1, 2**31 - 1)

SCHEDULER_KEYS: dict[str, Reader] = {
    "name": values.name,
    "account": values.filled_text,
    "nodes": _COUNT,
    "walltime": values.walltime,
    "gres": values.text,
    "mem": values.text,
    "ntasks_per_node": _COUNT,
    "partition": values.text,
    "qos": values.text,
    "tmp": values.text,
    "extra": values.text,
}
_DIFFERING = ("gres", "mem", "walltime", "partition")


def read_schedulers(source: Source, value: Any, path: Path) -> list[SchedulerSpec]:
    """The list `slurm_schedulers`."""
    schedulers = []
    for index, item in enumerate(items(source, value, path)):
        place = (*path, index)
        found = read_mapping(source, item, place, SCHEDULER_KEYS, named("slurm_scheduler", item), ("account",))
        schedulers.append(SchedulerSpec(**found, place=place))
        if isinstance(item, dict) and item.get("name") is None:
            source.warn(place, "a slurm_scheduler without a name is not created; give it a name")
    return schedulers


def read_slurm_defaults(source: Source, value: Any, path: Path) -> dict[str, Any] | None:
    """The mapping `slurm_defaults`: long options of sbatch."""
    if not isinstance(value, dict):
        source.error(path, f"slurm_defaults must be a mapping, not {values.describe(source, value, path)}")
        return None
    for key in value:
        if key.lower().replace("_", "-") in SLURM_DEFAULTS_REFUSED:
            message = f"slurm_defaults cannot set {key}: torc sets it for each allocation"
            source.error((*path, key), message, key=True)
    found: dict[str, Any] = values.free(source, value, path)
    return found


def check_schedulers(spec: WorkflowSpec, source: Source, *, nodes: bool = True) -> None:
    """Whether schedulers of several nodes have jobs for them (unless `nodes` is False), and differ without need."""
    if nodes:
        _check_nodes(spec, source)
    schedulers = [scheduler for scheduler in spec.slurm_schedulers if scheduler.name]
    free = sum(job.scheduler is None for job in spec.jobs) if len(schedulers) > 1 else 0
    differing = [key for key in _DIFFERING if len({getattr(scheduler, key) for scheduler in schedulers}) > 1]
    if free and differing and spec.jobs_sort_method is None:
        message = (
            f"{len(schedulers)} schedulers differ in {', '.join(differing)}; jobs that name none ({free}) go to their"
            " runners by gpus_runtime_memory; set jobs_sort_method, or name a scheduler in each job"
        )
        source.warn(("slurm_schedulers",), message, key=True)


def _check_nodes(spec: WorkflowSpec, source: Source) -> None:
    by_name = {scheduler.name: scheduler for scheduler in spec.slurm_schedulers}
    node_counts = {requirement.name: requirement.num_nodes for requirement in spec.resource_requirements}
    for action in spec.actions:
        scheduler = by_name.get(action.scheduler)
        if (
            action.action_type != "schedule_nodes"
            or action.scheduler_type != "slurm"
            or action.start_one_worker_per_node
            or scheduler is None
            or scheduler.nodes <= 1
        ):
            continue
        wanted = {
            node_counts.get(job.resource_requirements or "", 1) for job in spec.jobs if job.scheduler == scheduler.name
        }
        if wanted and scheduler.nodes not in wanted:
            message = (
                f"scheduler {quoted(scheduler.name or '')} takes {scheduler.nodes} nodes and none of its jobs needs so"
                f" many; set start_one_worker_per_node: true, or num_nodes: {scheduler.nodes} in a requirement"
            )
            source.error((*action.place, "scheduler"), message)
