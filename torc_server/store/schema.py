"""The tables. Names and columns are torc's (server.md 2.2) where torc has them; what is added says why.

Times ending in `_ms` are milliseconds since 1970. JSON is stored as text. A workflow's status row is part of the
workflow (torc's `status_id` is its id).
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from torc_server.store.columns import barrier_side, id_column, metadata, relation, table, workflow_id_column

SCHEMA_VERSION = 1
"""Kept in `PRAGMA user_version`; a newer one in the file is refused at start."""

owner = Table(
    "owner",
    metadata,
    Column("id", Integer, primary_key=True),  # one row, id 1
    Column("database_uuid", Text, nullable=False),
)
"""The identity of this database: an output folder that belongs to another one is refused by runners."""

workflow = table(
    "workflow",
    id_column(),
    Column("name", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("description", Text),
    Column("timestamp", Text, nullable=False),
    Column("project", Text),
    Column("metadata", Text),
    Column("compute_node_expiration_buffer_seconds", Integer, nullable=False),
    Column("compute_node_wait_for_new_jobs_seconds", Integer, nullable=False),
    Column("compute_node_ignore_workflow_completion", Integer, nullable=False),
    Column("compute_node_wait_for_healthy_database_minutes", Integer, nullable=False),
    Column("compute_node_min_time_for_new_jobs_seconds", Integer, nullable=False),
    Column("jobs_sort_method", Text, nullable=False),
    Column("resource_monitor_config", Text),
    Column("slurm_defaults", Text),
    Column("use_pending_failed", Integer),
    Column("run_id", Integer, nullable=False, server_default=text("0")),
    Column("is_canceled", Integer, nullable=False, server_default=text("0")),
    Column("is_archived", Integer, nullable=False, server_default=text("0")),
    Column("has_detected_need_to_run_completion_script", Integer, nullable=False, server_default=text("0")),
    Column("uuid", Text, unique=True),  # of the plan that made it: repeating a plan finds it
    Column("env", Text),  # JSON object: variables of every job
    Column("cwd", Text),
    Column("origin", Text),  # folder it was created from
    Column("limit_resources", Integer),
    Column("state", Text, nullable=False, server_default=text("'visible'")),  # else hidden: 'creating', 'deleting'
    Column("work", Text),  # what is done to it in portions (`gradual.py`): meanwhile it hands out no jobs
    Index("ix_workflow_user", "user", "id"),
    Index("ix_workflow_hidden", "state", sqlite_where=text("state <> 'visible'")),
)

status_count = Table(
    "status_count",
    metadata,
    Column("workflow_id", Integer, ForeignKey("workflow.id", ondelete="CASCADE"), primary_key=True),
    Column("status", Integer, primary_key=True),
    Column("n", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Jobs of a workflow by status, kept with every change of status, never counted."""

resource_requirements = table(
    "resource_requirements",
    id_column(),
    workflow_id_column(),
    Column("name", Text, nullable=False),
    Column("num_cpus", Integer, nullable=False),
    Column("num_gpus", Integer, nullable=False),
    Column("num_nodes", Integer, nullable=False),
    Column("memory", Text, nullable=False),
    Column("runtime", Text, nullable=False),
    Column("memory_bytes", Integer, nullable=False),
    Column("runtime_s", Integer, nullable=False),
    Column("is_default", Integer, nullable=False, server_default=text("0")),  # built in: its numbers are never enforced
    Index("ix_resource_requirements_workflow", "workflow_id", "id"),
)

job = table(
    "job",
    id_column(),
    workflow_id_column(),
    Column("name", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("invocation_script", Text),
    Column("cancel_on_blocking_job_failure", Integer, nullable=False),
    Column("supports_termination", Integer, nullable=False),
    Column("stdio", Text),  # JSON of models.stdio.Stdio, none for two files
    Column("keep_background", Integer, nullable=False, server_default=text("0")),
    Column("resource_requirements_id", Integer, ForeignKey("resource_requirements.id"), nullable=False),
    Column("scheduler_id", Integer),
    Column("failure_handler_id", Integer),
    Column("env", Text),  # JSON object
    Column("cwd", Text),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("status", Integer, nullable=False),
    Column("attempt_id", Integer, nullable=False, server_default=text("1")),
    Column("unmet", Integer, nullable=False, server_default=text("0")),  # parents not yet ended
    Column("bad", Integer, nullable=False, server_default=text("0")),  # parents that ended without success
    Column("node_id", Integer, ForeignKey("compute_node.id", ondelete="SET NULL")),  # who has it (or still holds it)
    Column("ready_ms", Integer),  # since when it is ready
    Column("start_ms", Integer),  # when its current attempt started
    Column("lost_node_id", Integer),  # whose late result of the attempt before is still welcome: nobody has it since
    Column("result_id", Integer),  # its newest result, none once it is to run again
    Column("lost", Integer, nullable=False, server_default=text("0")),  # attempts that ended with their runner
    Column("lost_limit", Integer),  # so many may before it fails, none: leases.LOST_LIMIT
    Column("retries", Integer, nullable=False, server_default=text("0")),  # of this run: counted apart from the lost
    Column("canceled_by_user", Integer, nullable=False, server_default=text("0")),  # not by a parent's failure
    Column("input_hash", Text),  # of its inputs when it was last put to work (server.md 5.2)
    Index("ix_job_workflow", "workflow_id", "id"),
    Index("ix_job_status", "workflow_id", "status", "id"),
    Index("ix_job_name", "workflow_id", "name"),
    Index(
        "ix_job_ready",
        "workflow_id",
        "resource_requirements_id",
        "scheduler_id",
        text("priority DESC"),
        "id",
        sqlite_where=text("status = 2"),
    ),
    Index("ix_job_node", "node_id", sqlite_where=text("node_id IS NOT NULL")),
    Index("ix_job_requirements", "resource_requirements_id"),
)

job_depends_on = Table(
    "job_depends_on",
    metadata,
    Column("job_id", Integer, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("depends_on_job_id", Integer, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_job_depends_on_parent", "depends_on_job_id", "job_id"),
    sqlite_with_rowid=False,
)

barrier = table(
    "barrier",
    id_column(),
    workflow_id_column(),
    Column("unmet", Integer, nullable=False, server_default=text("0")),  # the two counters, as of a job
    Column("bad", Integer, nullable=False, server_default=text("0")),
    Index("ix_barrier_workflow", "workflow_id", "id"),
)
"""All of its parents before all of its children: A + B rows in place of A * B edges."""

barrier_parent = barrier_side("barrier_parent")
barrier_child = barrier_side("barrier_child")

file = table(
    "file",
    id_column(),
    workflow_id_column(),
    Column("name", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("st_mtime", Float),
    Column("size", Integer),
    Index("ix_file_workflow", "workflow_id", "id"),
)

user_data = table(
    "user_data",
    id_column(),
    workflow_id_column(),
    Column("name", Text, nullable=False),
    Column("is_ephemeral", Integer, nullable=False),
    Column("data", Text),  # TEXT affinity: a bare number stays the JSON that it was
    Index("ix_user_data_workflow", "workflow_id", "id"),
)

job_input_file = relation("job_input_file", "file_id", "file")
job_output_file = relation("job_output_file", "file_id", "file")
job_input_user_data = relation("job_input_user_data", "user_data_id", "user_data")
job_output_user_data = relation("job_output_user_data", "user_data_id", "user_data")

compute_node = table(
    "compute_node",
    id_column(),
    workflow_id_column(),
    Column("hostname", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("start_time", Text, nullable=False),
    Column("duration_seconds", Float),
    Column("is_active", Integer),
    Column("num_cpus", Integer, nullable=False),
    Column("memory_gb", Float, nullable=False),
    Column("num_gpus", Integer, nullable=False),
    Column("num_nodes", Integer, nullable=False),
    Column("time_limit", Text),
    Column("scheduler_config_id", Integer),
    Column("compute_node_type", Text, nullable=False),
    Column("scheduler", Text),
    Column("uuid", Text, unique=True),  # of the registration: repeating it finds the node
    Column("boot_id", Text),  # of its host: on the server's own host the pid can be watched
    Index("ix_compute_node_workflow", "workflow_id", "id"),
    Index("ix_compute_node_active", "is_active", sqlite_where=text("is_active = 1 AND uuid IS NOT NULL")),
)

result = table(
    "result",
    id_column(),
    workflow_id_column(),
    Column("job_id", Integer, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    Column("run_id", Integer, nullable=False),
    Column("attempt_id", Integer, nullable=False),
    Column("compute_node_id", Integer, nullable=False),  # no foreign key: deleting a node keeps its results
    Column("return_code", Integer, nullable=False),
    Column("exec_time_minutes", Float, nullable=False),
    Column("completion_time", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("peak_memory_bytes", Integer),
    Column("avg_memory_bytes", Integer),
    Column("peak_cpu_percent", Float),
    Column("avg_cpu_percent", Float),
    Column("start_ms", Integer),
    Column("end_ms", Integer),
    Column("cause", Text),
    Column("stderr_tail", Text),
    UniqueConstraint("job_id", "run_id", "attempt_id"),
    Index("ix_result_workflow", "workflow_id", "id"),
)

LOST_EVENT = """instr(data, '"action":"worker_lost"')"""
"""The condition for events about attempts that ended with their runner."""

event = table(
    "event",
    id_column(),
    workflow_id_column(),
    Column("timestamp", Integer, nullable=False),
    Column("data", Text, nullable=False),
    Index("ix_event_workflow", "workflow_id", "id"),
    Index("ix_event_lost", "workflow_id", sqlite_where=text(LOST_EVENT)),
)

failure_handler = table(
    "failure_handler",
    id_column(),
    workflow_id_column(),
    Column("name", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Index("ix_failure_handler_workflow", "workflow_id", "id"),
)
"""A job's `failure_handler_id` is no foreign key: torc's clients write 0 for none (server.md 0.3)."""

slurm_scheduler = table(
    "slurm_scheduler",
    id_column(),
    workflow_id_column(),
    Column("name", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("gres", Text),
    Column("mem", Text),
    Column("nodes", Integer),
    Column("ntasks_per_node", Integer),
    Column("partition", Text),
    Column("qos", Text),
    Column("tmp", Text),
    Column("walltime", Text, nullable=False),
    Column("extra", Text),
    Index("ix_slurm_scheduler_workflow", "workflow_id", "id"),
)

local_scheduler = table(
    "local_scheduler",
    id_column(),
    workflow_id_column(),
    Column("name", Text),
    Column("memory", Text, nullable=False),
    Column("num_cpus", Integer, nullable=False),
    Index("ix_local_scheduler_workflow", "workflow_id", "id"),
)

scheduled_compute_node = table(
    "scheduled_compute_node",
    id_column(),
    workflow_id_column(),
    Column("scheduler_config_id", Integer, nullable=False),
    Column("scheduler_id", Integer, nullable=False),
    Column("scheduler_type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Index("ix_scheduled_compute_node_workflow", "workflow_id", "id"),
)

remote_worker = Table(
    "remote_worker",
    metadata,
    Column("workflow_id", Integer, ForeignKey("workflow.id", ondelete="CASCADE"), primary_key=True),
    Column("worker", Text, primary_key=True),
    sqlite_with_rowid=False,
)

workflow_action = table(
    "workflow_action",
    id_column(),
    workflow_id_column(),
    Column("trigger_type", Text, nullable=False),
    Column("action_type", Text, nullable=False),
    Column("action_config", Text, nullable=False),
    Column("job_ids", Text),  # JSON array, as it was given
    Column("trigger_count", Integer, nullable=False, server_default=text("0")),
    Column("required_triggers", Integer, nullable=False, server_default=text("1")),
    Column("executed", Integer, nullable=False, server_default=text("0")),
    Column("executed_at", Text),
    Column("executed_by", Integer, ForeignKey("compute_node.id", ondelete="SET NULL")),
    Column("persistent", Integer, nullable=False, server_default=text("0")),
    Column("is_recovery", Integer, nullable=False, server_default=text("0")),
    Index("ix_workflow_action_workflow", "workflow_id", "id"),
    Index("ix_workflow_action_executed_by", "executed_by", sqlite_where=text("executed_by IS NOT NULL")),
)

action_job = Table(
    "action_job",
    metadata,
    Column("job_id", Integer, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("action_id", Integer, ForeignKey("workflow_action.id", ondelete="CASCADE"), primary_key=True),
    Column("counted", Integer, nullable=False, server_default=text("0")),
    Index("ix_action_job_action", "action_id", "counted"),
    sqlite_with_rowid=False,
)
"""The jobs that an action waits for; `counted` once the job got there, so that no job counts twice."""

_CREATED = text("(datetime('now'))")

access_group = table(
    "access_group",
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("description", Text),
    Column("created_at", Text, nullable=False, server_default=_CREATED),
    Column("is_system", Integer, nullable=False, server_default=text("0")),
)

user_group_membership = table(
    "user_group_membership",
    id_column(),
    Column("user_name", Text, nullable=False),
    Column("group_id", Integer, ForeignKey("access_group.id", ondelete="CASCADE"), nullable=False),
    Column("role", Text, nullable=False, server_default=text("'member'")),
    Column("created_at", Text, nullable=False, server_default=_CREATED),
    UniqueConstraint("user_name", "group_id"),
    Index("ix_user_group_membership_group", "group_id"),
)

workflow_access_group = Table(
    "workflow_access_group",
    metadata,
    Column("workflow_id", Integer, ForeignKey("workflow.id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", Integer, ForeignKey("access_group.id", ondelete="CASCADE"), primary_key=True),
    Column("created_at", Text, nullable=False, server_default=_CREATED),
    Index("ix_workflow_access_group_group", "group_id", "workflow_id"),
    sqlite_with_rowid=False,
)

change = table(
    "change",
    id_column(),
    Column("workflow_id", Integer, nullable=False),  # no foreign key: the deletion itself is a change
    Column("ms", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("ix_change_workflow", "workflow_id", "id"),
)
"""The change log (design: section 5): what the event stream sends, resumable by id."""
