"""The resources of the REST API (server.md 0.3), as they travel: field names, types and which are required.

An optional field that is None is left out of what is sent. `id` is never required and ignored on input. The defaults
that the server applies on create are in `torc_server`, not here: None means "not said".
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class Workflow(Struct, omit_defaults=True, kw_only=True):
    """A workflow; fields from `env` on are this server's own."""

    id: int | None = None
    name: str
    user: str
    description: str | None = None
    timestamp: str | None = None
    project: str | None = None
    metadata: str | None = None
    compute_node_expiration_buffer_seconds: int | None = None
    compute_node_wait_for_new_jobs_seconds: int | None = None
    compute_node_ignore_workflow_completion: bool | None = None
    compute_node_wait_for_healthy_database_minutes: int | None = None
    compute_node_min_time_for_new_jobs_seconds: int | None = None
    jobs_sort_method: str | None = None
    resource_monitor_config: str | None = None
    slurm_defaults: str | None = None
    use_pending_failed: bool | None = None
    status_id: int | None = None
    env: dict[str, str] | None = None
    cwd: str | None = None
    origin: str | None = None
    limit_resources: bool | None = None


class WorkflowStatus(Struct, omit_defaults=True, kw_only=True):
    """Run number and flags of a workflow."""

    id: int | None = None
    is_canceled: bool
    run_id: int
    is_archived: bool | None = None
    has_detected_need_to_run_completion_script: bool | None = None


class ScheduleComputeNodes(Struct, omit_defaults=True, kw_only=True):
    """Accepted with a job and never used, as in torc."""

    num_jobs: int
    scheduler_id: int
    max_parallel_jobs: int | None = None
    start_one_worker_per_node: bool | None = None


class Job(Struct, omit_defaults=True, kw_only=True):
    """A command with its relations; fields from `env` on are this server's own."""

    id: int | None = None
    workflow_id: int
    name: str
    command: str
    invocation_script: str | None = None
    status: str | None = None
    schedule_compute_nodes: ScheduleComputeNodes | None = None
    cancel_on_blocking_job_failure: bool | None = None
    supports_termination: bool | None = None
    depends_on_job_ids: list[int] | None = None
    input_file_ids: list[int] | None = None
    output_file_ids: list[int] | None = None
    input_user_data_ids: list[int] | None = None
    output_user_data_ids: list[int] | None = None
    resource_requirements_id: int | None = None
    scheduler_id: int | None = None
    failure_handler_id: int | None = None
    attempt_id: int | None = None
    env: dict[str, str] | None = None
    cwd: str | None = None
    priority: int | None = None


class ResourceRequirements(Struct, omit_defaults=True, kw_only=True):
    """What a job needs; memory as `2g`, runtime as an ISO 8601 duration."""

    id: int | None = None
    workflow_id: int
    name: str
    num_cpus: int
    num_gpus: int
    num_nodes: int
    memory: str
    runtime: str


class File(Struct, omit_defaults=True, kw_only=True):
    """A path that jobs read or write; st_mtime in seconds."""

    id: int | None = None
    workflow_id: int
    name: str
    path: str
    st_mtime: float | None = None


class UserData(Struct, omit_defaults=True, kw_only=True):
    """A JSON document that jobs read or write through the API."""

    id: int | None = None
    workflow_id: int
    name: str
    is_ephemeral: bool | None = None
    data: Any = None


class Result(Struct, omit_defaults=True, kw_only=True):
    """How one attempt ended; the last fields are this server's own."""

    id: int | None = None
    job_id: int
    workflow_id: int
    run_id: int
    attempt_id: int | None = None
    compute_node_id: int
    return_code: int
    exec_time_minutes: float
    completion_time: str
    status: str
    peak_memory_bytes: int | None = None
    avg_memory_bytes: int | None = None
    peak_cpu_percent: float | None = None
    avg_cpu_percent: float | None = None
    start_time: str | None = None
    cause: str | None = None
    stderr_tail: str | None = None


class ComputeNode(Struct, omit_defaults=True, kw_only=True):
    """A runner as the server knows it; `uuid` is this server's own and makes registration repeatable."""

    id: int | None = None
    workflow_id: int
    hostname: str
    pid: int
    start_time: str
    num_cpus: int
    memory_gb: float
    num_gpus: int
    num_nodes: int
    compute_node_type: str
    duration_seconds: float | None = None
    is_active: bool | None = None
    time_limit: str | None = None
    scheduler_config_id: int | None = None
    scheduler: Any = None
    uuid: str | None = None
    boot_id: str | None = None
    lease_age_s: float | None = None
    """Seconds since an active runner was last heard of; said by the server, never to it."""
    lease_s: float | None = None
    """How long it may be silent before its jobs are given to others."""


class ComputeNodesResources(Struct, omit_defaults=True, kw_only=True):
    """Body of claim_jobs_based_on_resources: what is free."""

    id: int | None = None
    num_cpus: int
    memory_gb: float
    num_gpus: int
    num_nodes: int
    time_limit: str | None = None
    scheduler_config_id: int | None = None


class Event(Struct, omit_defaults=True, kw_only=True):
    """A note in a workflow's event list; timestamp in milliseconds since 1970."""

    id: int | None = None
    workflow_id: int
    timestamp: int
    data: Any


class FailureHandler(Struct, omit_defaults=True, kw_only=True):
    """What to do when a job fails; `rules` is the JSON text of a list of FailureRule."""

    id: int | None = None
    workflow_id: int
    name: str
    rules: str


class FailureRule(Struct, omit_defaults=True, kw_only=True):
    """One rule of a failure handler: which exit codes, what to run before the retry, how many attempts in all."""

    exit_codes: list[int] = field(default_factory=list)
    match_all_exit_codes: bool = False
    recovery_script: str | None = None
    max_retries: int = 3


class SlurmScheduler(Struct, omit_defaults=True, kw_only=True):
    """How to ask Slurm for an allocation; walltime as `D-HH:MM:SS`."""

    id: int | None = None
    workflow_id: int
    name: str | None = None
    account: str
    nodes: int
    walltime: str
    gres: str | None = None
    mem: str | None = None
    ntasks_per_node: int | None = None
    partition: str | None = None
    qos: str | None = None
    tmp: str | None = None
    extra: str | None = None


class LocalScheduler(Struct, omit_defaults=True, kw_only=True):
    """What runners without a scheduler may use."""

    id: int | None = None
    workflow_id: int
    name: str | None = None
    memory: str | None = None
    num_cpus: int | None = None


class ScheduledComputeNode(Struct, omit_defaults=True, kw_only=True):
    """An allocation asked of a scheduler: its id there, the scheduler row it was made from, `pending`/`active`/…"""

    id: int | None = None
    workflow_id: int
    scheduler_id: int
    scheduler_config_id: int
    scheduler_type: str
    status: str


class RemoteWorker(Struct, kw_only=True):
    """A host that runs jobs over SSH, as `[user@]host[:port]`."""

    worker: str
    workflow_id: int


class WorkflowAction(Struct, omit_defaults=True, kw_only=True):
    """What runners do when something has happened in a workflow (server.md 6); pending once counted often enough."""

    id: int | None = None
    workflow_id: int | None = None
    trigger_type: str
    action_type: str
    action_config: Any
    job_ids: list[int] | None = None
    trigger_count: int | None = None
    required_triggers: int | None = None
    executed: bool | None = None
    executed_at: str | None = None
    executed_by: int | None = None
    persistent: bool | None = None
    is_recovery: bool | None = None


class AccessGroup(Struct, omit_defaults=True, kw_only=True):
    """Users who share workflows."""

    id: int | None = None
    name: str
    description: str | None = None
    created_at: str | None = None


class GroupMembership(Struct, omit_defaults=True, kw_only=True):
    """A user in an access group; the role is `member` or `admin`."""

    id: int | None = None
    user_name: str
    group_id: int | None = None
    role: str | None = None
    created_at: str | None = None


class WorkflowAccessGroup(Struct, omit_defaults=True, kw_only=True):
    """A workflow that the members of a group may use."""

    workflow_id: int
    group_id: int
    created_at: str | None = None
