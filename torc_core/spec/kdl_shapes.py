"""How the keys of a workflow are written as KDL nodes (spec.md 4); reader and writer share it.

Beyond torc every key can be written. Lists take several nodes, several values in a node, or both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Shape:
    """What the nodes in a block mean; those not named here hold one value under their own name."""

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


_PLAIN = Shape()
_PARAMETERS = frozenset({"parameters"})
_JOB = Shape(
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
    single={"stdio": _PLAIN},
)
_FILE = Shape(named=True, many=_lists("use_parameters"), maps=_PARAMETERS, free=_PARAMETERS)
_USER_DATA = Shape(
    named=True, many=_lists("use_parameters"), maps=_PARAMETERS, free=_PARAMETERS, json=frozenset({"data"})
)
_RULE = Shape(many=_lists("exit_codes"))
_ACTION = Shape(many=_lists("jobs job_name_regexes commands", job="jobs", command="commands"))
NAMED = Shape(named=True)
"""An object of which nothing else is special."""
_HANDLER = Shape(named=True, objects={"rule": ("rules", _RULE)}, always=("rules",))

WORKFLOW = Shape(
    always=("jobs",),
    maps=frozenset({"env", "variables", "parameters", "slurm_defaults"}),
    free=frozenset({"parameters", "slurm_defaults"}),
    single={"resource_monitor": _PLAIN, "stdio": _PLAIN, "execution_config": Shape(single={"stdio": _PLAIN})},
    objects={
        "file": ("files", _FILE),
        "user_data": ("user_data", _USER_DATA),
        "resource_requirements": ("resource_requirements", NAMED),
        "failure_handler": ("failure_handlers", _HANDLER),
        "slurm_scheduler": ("slurm_schedulers", NAMED),
        "job": ("jobs", _JOB),
        "action": ("actions", _ACTION),
    },
)
"""The nodes of a whole text."""
