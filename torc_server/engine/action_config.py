"""What an action may be (server.md 6.1), for the API and for plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torc_server.engine.actions import THERE, TRIGGERS
from torc_server.errors import Invalid

_SCHEDULE_FIELDS: dict[str, tuple[type, str]] = {
    "scheduler_id": (int, "an integer"),
    "scheduler_type": (str, "a string"),
    "num_allocations": (int, "an integer"),
    "start_one_worker_per_node": (bool, "a boolean"),
    "max_parallel_jobs": (int, "an integer"),
}


def check_action(trigger_type: str, action_type: str, config: Any, jobs: Sequence[int] | None) -> int:
    """How often an action must be counted before it is pending. Invalid: what cannot be."""
    if trigger_type not in TRIGGERS:
        raise Invalid(f"trigger_type {trigger_type!r} is unknown; one of {', '.join(TRIGGERS)}")
    if action_type not in _CHECKS:
        raise Invalid(f"action_type {action_type!r} is unknown; one of {', '.join(_CHECKS)}")
    if not isinstance(config, dict):
        raise _wrong("action_config must be an object")
    _CHECKS[action_type](config)
    return len(set(jobs)) if trigger_type in THERE and jobs is not None else 1


def _run_commands(config: dict[str, Any]) -> None:
    if config.keys() != {"commands"}:
        raise _wrong("For action_type 'run_commands', only 'commands' field is allowed")
    commands = config["commands"]
    if not isinstance(commands, list):
        raise _wrong("'commands' must be an array")
    if not commands:
        raise _wrong("'commands' array cannot be empty")
    for i, command in enumerate(commands):
        if not isinstance(command, str):
            raise _wrong(f"'commands[{i}]' must be a string")


def _schedule_nodes(config: dict[str, Any]) -> None:
    for name, value in config.items():
        if name not in _SCHEDULE_FIELDS:
            raise _wrong(
                f"Unsupported field '{name}' for action_type 'schedule_nodes'. Allowed fields:"
                f" {', '.join(_SCHEDULE_FIELDS)}"
            )
        kind, said = _SCHEDULE_FIELDS[name]
        if type(value) is not kind:
            raise _wrong(f"'{name}' must be {said}")


_CHECKS = {"run_commands": _run_commands, "schedule_nodes": _schedule_nodes}


def _wrong(message: str) -> Invalid:
    return Invalid(f"Invalid action_config: {message}")
