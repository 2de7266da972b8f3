"""Schedulers, and what was asked of them (server.md 1.7): kept for those who submit, never contacted from here."""

from __future__ import annotations

from torc_core.models.resources import LocalScheduler, ScheduledComputeNode, SlurmScheduler
from torc_server.api.keeping import Kept, endpoints
from torc_server.api.parameters import WorkflowPage
from torc_server.api.resources import Resource, Wire
from torc_server.store import schema
from torc_server.store.batch import Batch


class SlurmQuery(WorkflowPage, kw_only=True):
    """Filters of the list of Slurm schedulers."""

    name: str | None = None
    account: str | None = None
    gres: str | None = None
    mem: str | None = None
    nodes: int | None = None
    partition: str | None = None
    qos: str | None = None
    tmp: str | None = None
    walltime: str | None = None


class LocalQuery(WorkflowPage, kw_only=True):
    """Filters of the list of local schedulers."""

    memory: str | None = None
    num_cpus: int | None = None


class ScheduledQuery(WorkflowPage, kw_only=True):
    """Filters of the list of scheduled nodes; ids as text, as in torc."""

    scheduler_id: str | None = None
    scheduler_config_id: str | None = None
    status: str | None = None


SLURM = Kept(Resource("Slurm scheduler", schema.slurm_scheduler, SlurmScheduler), SlurmQuery, ("name",))
LOCAL = Kept(Resource("Local scheduler", schema.local_scheduler, LocalScheduler), LocalQuery, ("memory", "num_cpus"))
SCHEDULED = Kept(
    Resource("Scheduled compute node", schema.scheduled_compute_node, ScheduledComputeNode), ScheduledQuery
)


def schedule(batch: Batch, body: ScheduledComputeNode) -> Wire:
    """Keep an allocation that was asked for, and tell of it."""
    node = SCHEDULED.create(batch, body)
    batch.tell(
        body.workflow_id,
        "scheduler_node_created",
        category="scheduler",
        scheduled_compute_node_id=node["id"],
        **{name: node[name] for name in ("scheduler_id", "scheduler_config_id", "scheduler_type", "status")},
    )
    return node


HANDLERS = [
    *endpoints("/slurm_schedulers", SLURM, SlurmScheduler, SlurmQuery),
    *endpoints("/local_schedulers", LOCAL, LocalScheduler, LocalQuery),
    *endpoints("/scheduled_compute_nodes", SCHEDULED, ScheduledComputeNode, ScheduledQuery, schedule),
]
