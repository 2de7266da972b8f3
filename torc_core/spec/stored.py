"""A stored workflow as a specification: what its execution plan needs of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torc_core.models.dependency_graph import DependencyGraph, Packed
from torc_core.models.resources import SlurmScheduler, WorkflowAction
from torc_core.spec.model import ActionSpec, JobSpec, WorkflowSpec


def stored_spec(
    graph: DependencyGraph, actions: Sequence[WorkflowAction], schedulers: Sequence[SlurmScheduler]
) -> WorkflowSpec:
    """Its jobs with their dependencies, and its actions. Jobs of the same name (torc allows it) get their ids."""
    names = _names(graph.jobs)
    jobs = {
        number: JobSpec(name=name, depends_on=[], input_files=[], output_files=[]) for number, name in names.items()
    }
    for job, parent in graph.edges:
        jobs[job].depends_on.append(names[parent])
    for number, barrier in enumerate(graph.barriers):
        between = f"barrier {number}"  # a file stands between all that write it and all that read it, too
        for job in _unpacked(barrier.parents):
            jobs[job].output_files.append(between)
        for job in _unpacked(barrier.children):
            jobs[job].input_files.append(between)
    by_id = {scheduler.id: scheduler.name for scheduler in schedulers}
    return WorkflowSpec(
        name=graph.name,
        description=graph.description,
        jobs=list(jobs.values()),
        actions=[_action(action, names, by_id) for action in actions],
    )


def _names(jobs: Sequence[tuple[int, str]]) -> dict[int, str]:
    taken: set[str] = set()
    names = {}
    for number, name in jobs:
        names[number] = f"{name} (job {number})" if name in taken else name
        taken.add(name)
    return names


def _unpacked(ids: Packed) -> Iterator[int]:
    for each in ids:
        if isinstance(each, int):
            yield each
        else:
            yield from range(each[0], each[1] + 1)


def _action(action: WorkflowAction, names: dict[int, str], schedulers: dict[int | None, str | None]) -> ActionSpec:
    config = action.action_config if isinstance(action.action_config, dict) else {}
    return ActionSpec(
        trigger_type=action.trigger_type,
        action_type=action.action_type,
        jobs=None if action.job_ids is None else [names[job] for job in action.job_ids if job in names],
        scheduler=schedulers.get(config.get("scheduler_id")),
        scheduler_type=config.get("scheduler_type"),
        num_allocations=config.get("num_allocations", 1),
    )
