"""A workflow as its file says it, read, checked and expanded: names instead of ids (spec.md 3)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from torc_core.spec.document import Path

DEFAULT_REQUIREMENTS = "default"
"""The name of the requirement that the server gives to jobs without one; no file may define it."""


class JobSpec(Struct, kw_only=True):
    """A job; lists hold names. Regexes and `${...}` tokens are already resolved into them."""

    name: str = ""
    command: str = ""
    invocation_script: str | None = None
    cancel_on_blocking_job_failure: bool = True
    supports_termination: bool = False
    resource_requirements: str | None = None
    priority: int = 0
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    depends_on: list[str] = field(default_factory=list)
    depends_on_regexes: list[str] = field(default_factory=list)
    input_files: list[str] = field(default_factory=list)
    output_files: list[str] = field(default_factory=list)
    input_user_data: list[str] = field(default_factory=list)
    output_user_data: list[str] = field(default_factory=list)
    input_file_regexes: list[str] = field(default_factory=list)
    output_file_regexes: list[str] = field(default_factory=list)
    input_user_data_regexes: list[str] = field(default_factory=list)
    output_user_data_regexes: list[str] = field(default_factory=list)
    place: Path = ()
    """Where in the document it is written."""


class FileSpec(Struct, kw_only=True):
    """A path that jobs read or write."""

    name: str = ""
    path: str = ""
    place: Path = ()


class UserDataSpec(Struct, kw_only=True):
    """A JSON document that jobs read or write; one without a name is not created (spec.md 3.4)."""

    name: str | None = None
    data: Any = None
    is_ephemeral: bool = False
    place: Path = ()


class RequirementsSpec(Struct, kw_only=True):
    """What jobs need; memory and runtime are texts that torc_core.units reads."""

    name: str = ""
    num_cpus: int = 1
    memory: str = "1m"
    num_gpus: int = 0
    num_nodes: int = 1
    runtime: str = "PT1H"
    place: Path = ()


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
    jobs: list[JobSpec] = field(default_factory=list)
    files: list[FileSpec] = field(default_factory=list)
    user_data: list[UserDataSpec] = field(default_factory=list)
    resource_requirements: list[RequirementsSpec] = field(default_factory=list)
