"""A stored workflow, and everything that can be done to it."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.engine.runner import Runner
from torc_core.models.exchange import (
    FreeResources,
)
from torc_core.models.resources import Result
from torc_core.models.status import JobStatus
from torc_server.engine import cancel, claim, complete, retry
from torc_server.store.batch import Batch, unpack

if TYPE_CHECKING:
    from tests.engine.stage import Stage

GIB = 1 << 30


class Flow:
    """A stored workflow."""

    def __init__(self, stage: Stage, workflow_id: int) -> None:
        self.stage = stage
        self.id = workflow_id
        rows = stage.rows("SELECT name, id FROM job WHERE workflow_id = ? ORDER BY id", workflow_id)
        self.ids: dict[str, int] = dict(rows)
        self.names = {i: name for name, i in self.ids.items()}

    @property
    def run_id(self) -> int:
        return int(self.stage.value("SELECT run_id FROM workflow WHERE id = ?", self.id))

    def statuses(self) -> dict[str, str]:
        """Every job's status by name."""
        rows = self.stage.rows("SELECT name, status FROM job WHERE workflow_id = ? ORDER BY id", self.id)
        return {name: JobStatus(status).label for name, status in rows}

    def status(self, name: str) -> str:
        return self.statuses()[name]

    def attempt(self, name: str) -> int:
        return int(self.stage.value("SELECT attempt_id FROM job WHERE id = ?", self.ids[name]))

    def results(self, name: str) -> list[tuple[int, int, str]]:
        """(run, attempt, status) of each stored result of a job."""
        sql = "SELECT run_id, attempt_id, status FROM result WHERE job_id = ? ORDER BY id"
        return [(run, attempt, JobStatus(s).label) for run, attempt, s in self.stage.rows(sql, self.ids[name])]

    def counters(self, name: str) -> tuple[int, int]:
        """(parents not yet ended, parents that ended without success) as kept."""
        ((unmet, bad),) = self.stage.rows("SELECT unmet, bad FROM job WHERE id = ?", self.ids[name])
        return unmet, bad

    def kept_counts(self) -> dict[str, int]:
        """Jobs by status as kept, zeros left out."""
        rows = self.stage.rows("SELECT status, n FROM status_count WHERE workflow_id = ? AND n <> 0", self.id)
        return {JobStatus(status).label: n for status, n in rows}

    def changes(self) -> list[tuple[str, list[str]]]:
        """The change log's moves of this workflow: (status, names), in order."""
        sql = "SELECT data ->> 'status', data -> 'ids' FROM change WHERE workflow_id = ? AND kind = 'jobs' ORDER BY id"
        return [
            (status, [self.names[i] for i in unpack(json.loads(ids))]) for status, ids in self.stage.rows(sql, self.id)
        ]

    def check(self) -> None:
        """What must hold of an initialized workflow at any time."""
        assert self.kept_counts() == dict(Counter(self.statuses().values())), "kept counts differ from counted"
        wrong = self.stage.rows(
            "SELECT barrier.id, barrier.unmet, barrier.bad, sum(job.status NOT IN (5, 6, 7, 8, 9)) AS u,"
            " sum(job.status IN (6, 7, 8, 9)) AS b FROM barrier JOIN barrier_parent ON barrier_id = barrier.id"
            " JOIN job ON job.id = job_id WHERE barrier.workflow_id = ? GROUP BY barrier.id"
            " HAVING barrier.unmet <> u OR barrier.bad <> b",
            self.id,
        )
        assert not wrong, f"(barrier, unmet, bad, counted unmet, counted bad): {wrong}"
        wrong = self.stage.rows(
            "SELECT job.name, job.unmet, job.bad, ifnull(sum(told.u), 0) AS us, ifnull(sum(told.b), 0) AS bs"
            " FROM job LEFT JOIN ("
            "  SELECT edge.job_id, status NOT IN (5, 6, 7, 8, 9) AS u, status IN (6, 7, 8, 9) AS b"
            "  FROM job_depends_on AS edge JOIN job AS parent ON parent.id = edge.depends_on_job_id"
            "  UNION ALL SELECT edge.job_id, barrier.unmet > 0, barrier.unmet = 0 AND barrier.bad > 0"
            "  FROM barrier_child AS edge JOIN barrier ON barrier.id = edge.barrier_id"
            " ) AS told ON told.job_id = job.id WHERE job.workflow_id = ?"
            " GROUP BY job.id HAVING job.unmet <> us OR job.bad <> bs",
            self.id,
        )
        assert not wrong, f"(job, unmet, bad, counted unmet, counted bad): {wrong}"
        stranded = self.stage.rows(
            "SELECT job.name, job.status FROM job LEFT JOIN compute_node AS node ON node.id = job.node_id"
            " WHERE job.workflow_id = ?"
            " AND (job.status IN (3, 4) AND job.node_id IS NOT NULL AND node.is_active IS NOT 1"
            "  OR job.status NOT IN (3, 4, 7) AND job.node_id IS NOT NULL)",
            self.id,
        )
        assert not stranded, f"jobs with a node that is gone, or that should have none: {stranded}"
        early = self.stage.rows("SELECT name FROM job WHERE workflow_id = ? AND status = 1 AND unmet = 0", self.id)
        assert not early, f"blocked by nobody: {early}"

    def runner(self, cpus: int = 1, memory_gb: float = 8.0, gpus: int = 0, nodes: int = 1, **fields: Any) -> Runner:
        """Register a runner for this workflow."""
        columns = {
            "workflow_id": self.id, "hostname": "host", "pid": 1, "start_time": "2026-01-01T00:00:00Z",
            "num_cpus": cpus, "memory_gb": memory_gb, "num_gpus": gpus, "num_nodes": nodes,
            "compute_node_type": "local", "is_active": 1, "uuid": str(uuid.uuid4()), **fields,
        }  # fmt: skip

        def register(batch: Batch) -> int:
            sql = (
                f"INSERT INTO compute_node ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) RETURNING id"
            )
            node = int(batch.run(sql, *columns.values()).scalar_one())
            self.stage.runners.registered(batch, node)
            return node

        free = FreeResources(cpus, int(memory_gb * GIB), gpus, nodes)
        return Runner(self, self.stage.write(register), free)

    def claim(self, limit: int = 10) -> list[str]:
        """torc's claim_next_jobs."""
        return [found["name"] for found in self.stage.write(claim.claim_next_jobs, self.id, limit)]

    def start(self, name: str, run_id: int | None = None, node: int = 0) -> None:
        """torc's start_job."""
        self.stage.write(complete.start_job, self.ids[name], self.run_id if run_id is None else run_id, node)

    def complete(
        self, name: str, status: str = "completed", run_id: int | None = None, attempt: int | None = None
    ) -> None:
        """torc's complete_job."""
        run = self.run_id if run_id is None else run_id
        code = 0 if status == "completed" else 1
        result = Result(
            job_id=self.ids[name], workflow_id=self.id, run_id=run, attempt_id=attempt, compute_node_id=1,
            return_code=code, exec_time_minutes=0.1, completion_time="2026-01-01T00:00:00.000Z", status=status,
        )  # fmt: skip
        self.stage.write(complete.complete_job, self.ids[name], JobStatus.from_label(status), run, result)

    def put_status(self, name: str, status: str, run_id: int | None = None) -> None:
        """torc's manage_status_change."""
        run = self.run_id if run_id is None else run_id
        self.stage.write(complete.manage_status_change, self.ids[name], JobStatus.from_label(status), run)

    def cancel(self, name: str | None = None) -> None:
        """Cancel a job, or the workflow."""
        if name is None:
            self.stage.write(cancel.cancel_workflow, self.id)
        else:
            self.stage.write(cancel.cancel_job, self.ids[name])

    def retry(self, name: str, max_retries: int = 100, run_id: int | None = None) -> None:
        run = self.run_id if run_id is None else run_id
        self.stage.write(retry.retry_job, self.ids[name], run, max_retries)

    def reset(self, failed_only: bool = False, force: bool = True) -> int:
        """Reset jobs; returns how many."""
        return self.stage.run(self.stage.gradual.reset_jobs(self.id, failed_only, "tester", force))

    def initialize(self, only_uninitialized: bool = False) -> None:
        self.stage.run(self.stage.gradual.initialize(self.id, only_uninitialized))

    def restart(self, dry_run: bool = False) -> dict[str, Any]:
        return self.stage.run(self.stage.gradual.restart(self.id, dry_run))
