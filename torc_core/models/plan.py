"""A workflow on its way to the server: `POST /workflows/from_plan`, one JSON object a line.

Order of lines: one PlanStart, then any number of PlanFiles, PlanUserData, PlanRequirements, PlanHandlers and
PlanSchedulers, then PlanJobs, then PlanActions, then PlanEnd. Inside a plan things refer to each other
by position (0, 1, … over all lines of that kind), so any line can be written before the server has given an id to
anything. Jobs stand in an order in which parents come before their children.

The stream is repeatable: a second one with the same `uuid` answers with the workflow that the first one made.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from torc_core.models.stdio import Stdio


class PlannedWorkflow(Struct, omit_defaults=True):
    """The fields of the workflow itself; see server.md 0.3 for torc's own."""

    name: str
    user: str
    description: str | None = None
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
    env: dict[str, str] = field(default_factory=dict)
    """Variables of every job."""
    cwd: str | None = None
    """Working folder of the jobs, where the file asks for one."""
    origin: str | None = None
    """Absolute folder the workflow was created from: where local runs work without `cwd`."""
    limit_resources: bool | None = None


class PlannedFile(Struct, omit_defaults=True):
    name: str
    path: str
    st_mtime: float | None = None
    size: int | None = None


class PlannedUserData(Struct, omit_defaults=True):
    name: str
    data: Any = None
    is_ephemeral: bool = False


class PlannedRequirements(Struct, omit_defaults=True):
    name: str
    num_cpus: int
    memory: str
    num_gpus: int = 0
    num_nodes: int = 1
    runtime: str = "PT1H"


class PlannedHandler(Struct, omit_defaults=True):
    """A failure handler; `rules` is the JSON text of a list of FailureRule (models/resources.py)."""

    name: str
    rules: str


class PlannedScheduler(Struct, omit_defaults=True):
    """A Slurm scheduler."""

    name: str
    account: str
    nodes: int = 1
    walltime: str = "01:00:00"
    gres: str | None = None
    mem: str | None = None
    ntasks_per_node: int | None = None
    partition: str | None = None
    qos: str | None = None
    tmp: str | None = None
    extra: str | None = None


class PlannedAction(Struct, omit_defaults=True):
    """A workflow action; `jobs` are positions, None for triggers that wait for no jobs."""

    trigger_type: str
    action_type: str
    action_config: dict[str, Any]
    jobs: list[int] | None = None
    scheduler: int | None = None
    """Position of the scheduler of a schedule_nodes action: its id becomes `scheduler_id` of the config."""
    persistent: bool = False


class PlannedBarrier(Struct, omit_defaults=True):
    """Jobs that all of a barrier's children wait for: [first, last] runs of positions, ascending.

    It stands after its parents and before its children (their `barriers`).
    """

    parents: list[tuple[int, int]]


class PlannedJob(Struct, omit_defaults=True):
    """A job; the lists of ints are positions in the plan."""

    name: str
    command: str
    invocation_script: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    cancel_on_blocking_job_failure: bool = True
    supports_termination: bool = False
    keep_background: bool = False
    lost_limit: int | None = None
    """So many attempts may end with their runner before the job fails; None: as many as the server says."""
    priority: int = 0
    stdio: Stdio | None = None
    resource_requirements: int | None = None
    failure_handler: int | None = None
    scheduler: int | None = None
    depends_on: list[int] = field(default_factory=list)
    barriers: list[int] = field(default_factory=list)
    input_files: list[int] = field(default_factory=list)
    output_files: list[int] = field(default_factory=list)
    input_user_data: list[int] = field(default_factory=list)
    output_user_data: list[int] = field(default_factory=list)


class PlanStart(Struct, tag_field="kind", tag="workflow"):
    """The first line: who, what, and how many of each, so that ids can be set aside."""

    uuid: str
    workflow: PlannedWorkflow
    jobs: int
    files: int = 0
    user_data: int = 0
    resource_requirements: int = 0
    failure_handlers: int = 0
    slurm_schedulers: int = 0
    actions: int = 0
    barriers: int = 0
    initialize: bool = False
    """Also start run 1: jobs become blocked or ready in the transaction that makes the workflow visible."""


class PlanFiles(Struct, tag_field="kind", tag="files"):
    items: list[PlannedFile]


class PlanUserData(Struct, tag_field="kind", tag="user_data"):
    items: list[PlannedUserData]


class PlanRequirements(Struct, tag_field="kind", tag="resource_requirements"):
    items: list[PlannedRequirements]


class PlanHandlers(Struct, tag_field="kind", tag="failure_handlers"):
    items: list[PlannedHandler]


class PlanSchedulers(Struct, tag_field="kind", tag="slurm_schedulers"):
    items: list[PlannedScheduler]


class PlanJobs(Struct, tag_field="kind", tag="jobs"):
    """At most 1,000 jobs."""

    items: list[PlannedJob]


class PlanBarriers(Struct, tag_field="kind", tag="barriers"):
    items: list[PlannedBarrier]


class PlanActions(Struct, tag_field="kind", tag="actions"):
    items: list[PlannedAction]


class PlanEnd(Struct, tag_field="kind", tag="end"):
    """The last line: without it the stream was cut off and nothing is kept."""


PlanLine = (
    PlanStart
    | PlanFiles
    | PlanUserData
    | PlanRequirements
    | PlanHandlers
    | PlanSchedulers
    | PlanJobs
    | PlanBarriers
    | PlanActions
    | PlanEnd
)


class PlanAnswer(Struct):
    """The workflow that the plan made (or had made, when repeated)."""

    workflow_id: int
    jobs: int
    repeated: bool = False
