"""A workflow as its file says it, read, checked and expanded: names instead of ids (spec.md 3)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from torc_core.models.resources import FailureRule
from torc_core.models.stdio import Stdio
from torc_core.spec.document import Path
from torc_core.spec.sweep import Sweep, Values

DEFAULT_REQUIREMENTS = "default"
"""The name of the requirement that the server gives to jobs without one; no file may define it."""


_NONE: list[str] = []
_NO_VARIABLES: dict[str, str] = {}


def _none() -> list[str]:
    """The one empty list of all jobs: a hundred thousand jobs would have a million of their own."""
    return _NONE


def _no_variables() -> dict[str, str]:
    return _NO_VARIABLES


class JobSpec(Struct, kw_only=True, gc=False):
    """A job; lists hold names. Regexes and `${...}` tokens are already resolved into them.

    Copies of a parameterised job share what is the same in all of them, and all jobs the empty list, so nothing may be
    changed in place.
    """

    name: str = ""
    command: str = ""
    invocation_script: str | None = None
    cancel_on_blocking_job_failure: bool = True
    supports_termination: bool = False
    keep_background: bool = False
    on_worker_lost: str = "retry"
    max_worker_losses: int | None = None
    resource_requirements: str | None = None
    failure_handler: str | None = None
    scheduler: str | None = None
    priority: int = 0
    stdio: Stdio | None = None
    env: dict[str, str] = field(default_factory=_no_variables)
    cwd: str | None = None
    depends_on: list[str] = field(default_factory=_none)
    depends_on_regexes: list[str] = field(default_factory=_none)
    input_files: list[str] = field(default_factory=_none)
    output_files: list[str] = field(default_factory=_none)
    input_user_data: list[str] = field(default_factory=_none)
    output_user_data: list[str] = field(default_factory=_none)
    input_file_regexes: list[str] = field(default_factory=_none)
    output_file_regexes: list[str] = field(default_factory=_none)
    input_user_data_regexes: list[str] = field(default_factory=_none)
    output_user_data_regexes: list[str] = field(default_factory=_none)
    barrier: int | None = None
    """Which of the workflow's barriers it waits for, beside `depends_on`."""
    place: Path = ()
    """Where in the document it is written; copies have the place of what they were made from."""
    sweep: Sweep | None = None
    """Its parameters, until it is expanded."""


class FileSpec(Struct, kw_only=True, gc=False):
    """A path that jobs read or write."""

    name: str = ""
    path: str = ""
    place: Path = ()
    sweep: Sweep | None = None


class UserDataSpec(Struct, kw_only=True):
    """A JSON document that jobs read or write; one without a name is not created (spec.md 3.4)."""

    name: str | None = None
    data: Any = None
    is_ephemeral: bool = False
    place: Path = ()
    sweep: Sweep | None = None


class RequirementsSpec(Struct, kw_only=True):
    """What jobs need; memory and runtime are texts that torc_core.units reads."""

    name: str = ""
    num_cpus: int = 1
    memory: str = ""
    num_gpus: int = 0
    num_nodes: int = 1
    runtime: str = "PT1H"
    place: Path = ()


class HandlerSpec(Struct, kw_only=True):
    """What happens when a job fails: the first rule that fits its exit code (spec.md 12)."""

    name: str = ""
    rules: list[FailureRule] = field(default_factory=list)
    place: Path = ()


class SchedulerSpec(Struct, kw_only=True):
    """How to ask Slurm for nodes; one without a name is not created (spec.md 3.7)."""

    name: str | None = None
    account: str = ""
    nodes: int = 1
    walltime: str = "01:00:00"
    gres: str | None = None
    mem: str | None = None
    ntasks_per_node: int | None = None
    partition: str | None = None
    qos: str | None = None
    tmp: str | None = None
    extra: str | None = None
    place: Path = ()


class ActionSpec(Struct, kw_only=True):
    """What is done when something happens (spec.md 11); `jobs` is None where none are named."""

    trigger_type: str = ""
    action_type: str = ""
    jobs: list[str] | None = None
    job_name_regexes: list[str] | None = None
    commands: list[str] = field(default_factory=list)
    scheduler: str | None = None
    scheduler_type: str | None = None
    num_allocations: int = 1
    start_one_worker_per_node: bool = False
    max_parallel_jobs: int | None = None
    persistent: bool = False
    place: Path = ()


class Barrier(Struct, kw_only=True):
    """Jobs that others wait for together: what a regex of `depends_on_regexes` matches."""

    members: list[str]
    label: str
    """The regexes."""


class ResourceMonitorSpec(Struct, kw_only=True):
    """How jobs are measured; a block that does not say `enabled: true` is off (spec.md 3.9)."""

    enabled: bool = False
    granularity: str = "summary"
    sample_interval_seconds: int = 5
    generate_plots: bool = False


class WorkflowSpec(Struct, kw_only=True):
    """The whole file; None means not said."""

    name: str = ""
    user: str | None = None
    description: str | None = None
    project: str | None = None
    metadata: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    limit_resources: bool | None = None
    use_pending_failed: bool | None = None
    compute_node_expiration_buffer_seconds: int | None = None
    compute_node_wait_for_new_jobs_seconds: int | None = None
    compute_node_ignore_workflow_completion: bool | None = None
    compute_node_wait_for_healthy_database_minutes: int | None = None
    jobs_sort_method: str | None = None
    resource_monitor: ResourceMonitorSpec | None = None
    slurm_defaults: dict[str, Any] | None = None
    stdio: Stdio | None = None
    variables: dict[str, str] = field(default_factory=dict)
    parameters: Values | None = None
    parameters_file: str | None = None
    jobs: list[JobSpec] = field(default_factory=list)
    files: list[FileSpec] = field(default_factory=list)
    user_data: list[UserDataSpec] = field(default_factory=list)
    resource_requirements: list[RequirementsSpec] = field(default_factory=list)
    failure_handlers: list[HandlerSpec] = field(default_factory=list)
    slurm_schedulers: list[SchedulerSpec] = field(default_factory=list)
    actions: list[ActionSpec] = field(default_factory=list)
    barriers: list[Barrier] = field(default_factory=list)
    jobs_before_expansion: int = 0
    files_before_expansion: int = 0
