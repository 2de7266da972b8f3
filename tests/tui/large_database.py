"""A database with many workflows, one of them with very many jobs, written straight into its tables."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.engine import Connection

from torc_core.models.status import JobStatus
from torc_server.engine.workflow import DEFAULTS
from torc_server.store import schema
from torc_server.store.batch import Batch
from torc_server.store.database import Database

GB = 1 << 30
FIRST = 1
"""The id of the large workflow."""


def make(path: Path, jobs: int, workflows: int) -> None:
    """Write the file: workflow 1 has `jobs` jobs (9 of 10 ended, 1 of 50 failed), the others three each."""
    database = Database(path)
    database.writer.start()
    try:

        async def write() -> None:
            await database.write(lambda batch: _fill(batch, jobs, workflows))

        asyncio.run(write())
    finally:
        database.close()


def _fill(batch: Batch, jobs: int, workflows: int) -> None:
    conn = batch.conn
    now = int(time.time() * 1000)
    defaults = {name: int(v) if isinstance(v, bool) else v for name, v in DEFAULTS.items()}
    defaults = {name: value for name, value in defaults.items() if name in schema.workflow.c}
    conn.execute(
        insert(schema.workflow),
        [
            {
                **defaults,
                "id": i,
                "name": f"workflow_{i:04d}",
                "user": "tester",
                "run_id": 1,
                "timestamp": "2026-01-01T00:00:00.000Z",
            }
            for i in range(FIRST, FIRST + workflows)
        ],
    )
    conn.execute(
        insert(schema.resource_requirements),
        [
            {"id": i, "workflow_id": i, "name": "small", "num_cpus": 1, "num_gpus": 0, "num_nodes": 1, "memory": "1g",
             "runtime": "PT1H", "memory_bytes": GB, "runtime_s": 3600}
            for i in range(FIRST, FIRST + workflows)
        ],
    )  # fmt: skip
    _node(conn)
    _jobs(conn, FIRST, 1, jobs, now)
    first = jobs + 1
    for number in range(FIRST + 1, FIRST + workflows):
        _jobs(conn, number, first, 3, now)
        first += 3


def _node(conn: Connection) -> None:
    conn.execute(
        insert(schema.compute_node),
        {"id": 1, "workflow_id": FIRST, "hostname": "n17", "pid": 1, "start_time": "2026-01-01T00:00:00.000Z",
         "is_active": 0, "num_cpus": 32, "memory_gb": 128, "num_gpus": 0, "num_nodes": 1,
         "compute_node_type": "local"},
    )  # fmt: skip


def status_of(number: int) -> JobStatus:
    """The status of the number-th job of a workflow."""
    if number % 10 == 0:
        return JobStatus.READY
    return JobStatus.FAILED if number % 50 == 1 else JobStatus.COMPLETED


def _jobs(conn: Connection, workflow_id: int, first: int, count: int, now: int) -> None:
    numbers = range(first, first + count)
    statuses = {number: status_of(number) for number in numbers}
    ended = [number for number in numbers if statuses[number] != JobStatus.READY]
    conn.execute(
        insert(schema.job),
        [
            {
                "id": n, "workflow_id": workflow_id, "name": f"job_{n * 7919 % 999_983:06d}", "command": f"work {n}",
                "cancel_on_blocking_job_failure": 1, "supports_termination": 0, "priority": 0,
                "resource_requirements_id": workflow_id, "status": int(statuses[n]),
                "result_id": n if statuses[n] != JobStatus.READY else None,
            }
            for n in numbers
        ],
    )  # fmt: skip
    if ended:
        conn.execute(
            insert(schema.result),
            [
                {"id": n, "workflow_id": workflow_id, "job_id": n, "run_id": 1, "attempt_id": 1, "compute_node_id": 1,
                 "return_code": 2 if statuses[n] == JobStatus.FAILED else 0, "exec_time_minutes": (n % 977) / 60,
                 "completion_time": "2026-01-01T00:00:00.000Z", "status": int(statuses[n]),
                 "peak_memory_bytes": (n * 7919) % GB, "peak_cpu_percent": n % 100, "start_ms": now - 1000 * (n % 977),
                 "end_ms": now, "stderr_tail": "no such thing\n" if statuses[n] == JobStatus.FAILED else None}
                for n in ended
            ],
        )  # fmt: skip
    for status in set(statuses.values()):
        conn.execute(
            insert(schema.status_count),
            {"workflow_id": workflow_id, "status": int(status), "n": sum(s == status for s in statuses.values())},
        )
