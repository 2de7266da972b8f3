"""What a new workflow has: the defaults of its fields and its `default` resource requirement (server.md 0.3, 1.2)."""

from __future__ import annotations

from typing import Any

from torc_core.units import parse_duration, parse_memory
from torc_server.store.batch import Batch

DEFAULTS: dict[str, Any] = {
    "compute_node_expiration_buffer_seconds": 180,
    "compute_node_wait_for_new_jobs_seconds": 90,
    "compute_node_ignore_workflow_completion": False,
    "compute_node_wait_for_healthy_database_minutes": 20,
    "compute_node_min_time_for_new_jobs_seconds": 300,
    "jobs_sort_method": "gpus_runtime_memory",
}

DEFAULT_MEMORY, DEFAULT_RUNTIME = "1m", "P0DT1M"
"""Of the built-in requirement; never enforced, only used to share out jobs."""


def add_default_requirements(batch: Batch, workflow_id: int) -> int:
    """The requirement of jobs that name none; returns its id."""
    row = batch.run(
        "INSERT INTO resource_requirements (workflow_id, name, num_cpus, num_gpus, num_nodes, memory, runtime,"
        " memory_bytes, runtime_s, is_default) VALUES (?, 'default', 1, 0, 1, ?, ?, ?, ?, 1) RETURNING id",
        workflow_id,
        DEFAULT_MEMORY,
        DEFAULT_RUNTIME,
        parse_memory(DEFAULT_MEMORY),
        parse_duration(DEFAULT_RUNTIME),
    )
    return int(row.scalar_one())
