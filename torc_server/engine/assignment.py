"""Jobs handed out, with everything needed to run them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from torc_core.models.exchange import Assignment
from torc_core.models.resources import FailureRule
from torc_core.models.stdio import Stdio
from torc_server.store.batch import Batch

_env = msgspec.json.Decoder(dict[str, str])
_stdio = msgspec.json.Decoder(Stdio)
_rules = msgspec.json.Decoder(list[FailureRule])


def assignments(batch: Batch, job_ids: Sequence[int], run_id: int) -> list[Assignment]:
    """The assignments of these jobs, in this order."""
    if not job_ids:
        return []
    wanted = batch.json(list(job_ids))
    outputs: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for job, file_id, path in batch.run(
        "SELECT edge.job_id, file.id, file.path FROM json_each(?) AS told JOIN job_output_file AS edge"
        " ON edge.job_id = told.value JOIN file ON file.id = edge.file_id ORDER BY file.id",
        wanted,
    ):
        outputs[job].append((file_id, path))
    rows = batch.run(
        "SELECT job.id, attempt_id, job.name, command, r.id, num_cpus, memory_bytes, num_gpus, num_nodes, runtime_s,"
        " is_default, invocation_script, env, cwd, supports_termination, keep_background, stdio, retries,"
        " (SELECT rules FROM failure_handler WHERE failure_handler.id = job.failure_handler_id)"
        " FROM json_each(?) AS told"
        " JOIN job ON job.id = told.value JOIN resource_requirements AS r ON r.id = job.resource_requirements_id"
        " ORDER BY told.key",
        wanted,
    )
    return [
        Assignment(
            job_id=row[0],
            run_id=run_id,
            attempt_id=row[1],
            name=row[2],
            command=row[3],
            resource_requirements_id=row[4],
            num_cpus=row[5],
            memory_bytes=row[6],
            num_gpus=row[7],
            num_nodes=row[8],
            runtime_s=row[9],
            limits=not row[10],
            invocation_script=row[11] or None,
            env=_env.decode(row[12]) if row[12] else {},
            cwd=row[13],
            supports_termination=bool(row[14]),
            keep_background=bool(row[15]),
            stdio=_stdio.decode(row[16]) if row[16] else None,
            output_files=outputs.get(row[0], []),
            retries=row[17],
            failure_rules=_rules.decode(row[18]) if row[18] else [],
        )
        for row in rows
    ]
