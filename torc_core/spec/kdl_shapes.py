"""How the keys of a workflow are written as KDL nodes (spec.md 4); reader and writer share it.

Beyond torc every key can be written. Lists take several nodes, several values in a node, or both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from torc_core.spec import build
from torc_core.spec.actions import ACTION_KEYS
from torc_core.spec.handlers import HANDLER_KEYS, RULE_KEYS
from torc_core.spec.schedulers import SCHEDULER_KEYS


@dataclass(frozen=True)
class Shape:
    """What the nodes in a block mean; those of `keys` not named further on hold one value under their own name."""

    keys: Collection[str]
    """What the object may have; a node of another name has no effect."""
    named: bool = False
    """Whether the first value of the block's own node is its name."""
    many: Mapping[str, str] = field(default_factory=dict)
    """Nodes that add to a list -> key of the list; the first node of a key is the one that is written."""
    maps: frozenset[str] = frozenset()
    """Nodes whose block maps names to values."""
    free: frozenset[str] = frozenset()
    """Those of `maps` whose values may be lists and mappings."""
    single: Mapping[str, Shape] = field(default_factory=dict)
    """Nodes that hold one object; with a value instead of a block they hold that value."""
    objects: Mapping[str, tuple[str, Shape]] = field(default_factory=dict)
    """Nodes that each add an object to a list -> key of the list, shape of the object."""
    json: frozenset[str] = frozenset()
    """Nodes whose text is JSON."""
    always: tuple[str, ...] = ()
    """Lists of objects that are there, empty, without any node."""

    @cached_property
    def plurals(self) -> dict[str, str]:
        """Keys of lists of objects -> their node."""
        return {key: node for node, (key, _) in self.objects.items()}


def _lists(names: str, **others: str) -> dict[str, str]:
    return others | {name: name for name in names.split()}


_PARAMETERS = frozenset({"parameters"})
_STDIO = Shape(build.STDIO_KEYS)
_JOB = Shape(
    build.JOB_KEYS,
    named=True,
    many=_lists(
        "depends_on depends_on_regexes input_user_data output_user_data input_file_regexes output_file_regexes"
        " input_user_data_regexes output_user_data_regexes use_parameters",
        input_file="input_files",
        output_file="output_files",
        input_files="input_files",
        output_files="output_files",
    )
    | {"depends_on_job": "depends_on"},
    maps=frozenset({"env", "parameters"}),
    free=_PARAMETERS,
    single={"stdio": _STDIO},
)
_FILE = Shape(build.FILE_KEYS, named=True, many=_lists("use_parameters"), maps=_PARAMETERS, free=_PARAMETERS)
_USER_DATA = Shape(
    build.USER_DATA_KEYS,
    named=True,
    many=_lists("use_parameters"),
    maps=_PARAMETERS,
    free=_PARAMETERS,
    json=frozenset({"data"}),
)
_RULE = Shape(RULE_KEYS, many=_lists("exit_codes"))
_ACTION = Shape(ACTION_KEYS, many=_lists("jobs job_name_regexes commands", job="jobs", command="commands"))
_REQUIREMENTS = Shape(build.REQUIREMENTS_KEYS, named=True)
_SCHEDULER = Shape(SCHEDULER_KEYS, named=True)
_HANDLER = Shape(HANDLER_KEYS, named=True, objects={"rule": ("rules", _RULE)}, always=("rules",))

WORKFLOW = Shape(
    build.WORKFLOW_KEYS,
    always=("jobs",),
    maps=frozenset({"env", "variables", "parameters", "slurm_defaults"}),
    free=frozenset({"parameters", "slurm_defaults"}),
    single={
        "resource_monitor": Shape(build.MONITOR_KEYS),
        "stdio": _STDIO,
        "execution_config": Shape(build.EXECUTION_KEYS, single={"stdio": _STDIO}),
    },
    objects={
        "file": ("files", _FILE),
        "user_data": ("user_data", _USER_DATA),
        "resource_requirements": ("resource_requirements", _REQUIREMENTS),
        "failure_handler": ("failure_handlers", _HANDLER),
        "slurm_scheduler": ("slurm_schedulers", _SCHEDULER),
        "job": ("jobs", _JOB),
        "action": ("actions", _ACTION),
    },
)
"""The nodes of a whole text."""

_TEXTS = """
    user description jobs_sort_method invocation_script resource_requirements failure_handler scheduler parameter_mode
    depends_on depends_on_job depends_on_regexes input_file output_file input_user_data output_user_data use_parameters
    runtime recovery_script gres mem partition qos tmp walltime extra job jobs job_name_regexes scheduler_type
    granularity
"""
_NUMBERS = """
    compute_node_expiration_buffer_seconds compute_node_wait_for_new_jobs_seconds
    compute_node_wait_for_healthy_database_minutes num_gpus num_nodes exit_codes max_retries nodes ntasks_per_node
    num_allocations max_parallel_jobs sample_interval_seconds
"""
_FLAGS = """
    compute_node_ignore_workflow_completion use_pending_failed cancel_on_blocking_job_failure supports_termination
    is_ephemeral match_all_exit_codes start_one_worker_per_node persistent enabled generate_plots
"""
OPTIONAL: dict[str, type] = (
    dict.fromkeys(_TEXTS.split(), str) | dict.fromkeys(_NUMBERS.split(), int) | dict.fromkeys(_FLAGS.split(), bool)
)
"""Nodes of torc's that no object needs -> type of their values: torc leaves out those of another type."""
