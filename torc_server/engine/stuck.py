"""Why a workflow cannot go on, said with the numbers (design: section 4)."""

from __future__ import annotations

from torc_core.models.status import JobStatus
from torc_core.units import format_memory
from torc_server.engine.nodes import Node
from torc_server.engine.progress import Progress
from torc_server.engine.ready import ReadyClass, fits


def why_stuck(now: Progress, classes: list[ReadyClass], nodes: list[Node]) -> str | None:
    """The reason why nothing that is left can run on any live runner, or None while something can.

    `classes` are the workflow's ready classes, `nodes` its live runners.
    """
    if now.active or now.busy or now.is_complete:
        return None
    if classes:
        if any(node.ignores_resources or fits(cls, node) for node in nodes for cls in classes):
            return None
        return "; ".join(_misfit(cls, nodes) for cls in classes[:3])
    if n := now.count(JobStatus.PENDING_FAILED):
        return f"{n} jobs are pending_failed and wait for a decision; 'torc jobs retry' runs them again"
    if n := now.count(JobStatus.UNINITIALIZED):
        return f"{n} jobs are not initialized; 'torc workflows initialize' makes them ready"
    return f"{now.count(JobStatus.BLOCKED)} jobs are blocked by jobs that will not run; 'torc explain' says which"


def _misfit(cls: ReadyClass, nodes: list[Node]) -> str:
    needs = [
        f"{need} {what}"
        for what, need, most in (
            ("CPUs", cls.num_cpus, max((n.num_cpus for n in nodes), default=0)),
            ("GPUs", cls.num_gpus, max((n.num_gpus for n in nodes), default=0)),
            ("nodes", cls.num_nodes, max((n.num_nodes for n in nodes), default=0)),
        )
        if need > most
    ]
    memory = max((n.memory_bytes for n in nodes), default=0)
    if cls.memory_bytes > memory:
        needs.append(f"{format_memory(cls.memory_bytes)} memory")
    offers = ", ".join(
        f"{n.hostname}: {n.num_cpus} CPUs, {n.memory_bytes / (1 << 30):.1f} GiB, {n.num_gpus} GPUs" for n in nodes[:3]
    )
    need = " and ".join(needs) or "more than any one of them has at once"
    return f"jobs with requirement {cls.name!r} need {need}; runners offer {offers}"
