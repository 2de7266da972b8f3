"""A workflow with everything in it, and its text in each format."""

import json
from collections.abc import Callable
from typing import Any

import json5

from torc_core.spec.kdl_writer import write_kdl

ALL = ("yaml", "json", "json5", "kdl")

GOOD: dict[str, Any] = {
    "name": "good",
    "env": {"LEVEL": "debug"},
    "variables": {"root": "/data"},
    "parameters": {"size": "1:2"},
    "slurm_defaults": {"qos": "high"},
    "resource_monitor": {"enabled": True, "granularity": "summary"},
    "files": [
        {"name": "raw", "path": "raw.txt"},
        {"name": "part_{size}", "path": "part_{size}.txt", "use_parameters": ["size"]},
    ],
    "user_data": [{"name": "config", "data": {"a": 1}}],
    "resource_requirements": [{"name": "small", "num_cpus": 1, "memory": "1g", "runtime": "PT1H"}],
    "failure_handlers": [{"name": "retry", "rules": [{"exit_codes": [3], "max_retries": 2}]}],
    "slurm_schedulers": [{"name": "short", "account": "acc", "nodes": 1}],
    "jobs": [
        {"name": "prepare", "command": "make raw", "output_files": ["raw"], "resource_requirements": "small"},
        {
            "name": "split_{size}",
            "command": "split {size}",
            "use_parameters": ["size"],
            "input_files": ["raw"],
            "output_files": ["part_{size}"],
            "failure_handler": "retry",
        },
        {
            "name": "gather",
            "command": "gather all",
            "depends_on": ["prepare"],
            "depends_on_regexes": ["^split"],
            "input_user_data": ["config"],
            "scheduler": "short",
            "priority": 3,
            "env": {"MODE": "fast"},
        },
    ],
    "actions": [
        {
            "trigger_type": "on_workflow_start",
            "action_type": "schedule_nodes",
            "scheduler": "short",
            "scheduler_type": "slurm",
        },
        {
            "trigger_type": "on_jobs_complete",
            "action_type": "run_commands",
            "commands": ["echo done"],
            "jobs": ["gather"],
        },
    ],
}


def _lines(data: dict[str, Any], dump: Callable[[Any], str], key: Callable[[str], str], item: str) -> list[str]:
    """Each key at the top, and each object of a list, on a line of its own."""
    lines = []
    for name, value in data.items():
        if isinstance(value, list) and item == "- ":
            lines += [f"{key(name)}:", *(f"  - {dump(one)}" for one in value)]
        elif isinstance(value, list):
            lines += [f"{key(name)}: [", *(f"  {dump(one)}," for one in value), "],"]
            lines[-2] = lines[-2].rstrip(",")
        else:
            lines.append(f"{key(name)}: {dump(value)}" + ("" if item else ","))
    return lines


def written(data: dict[str, Any], format: str) -> str:
    if format == "kdl":
        return write_kdl(data)
    if format == "yaml":
        return "\n".join(_lines(data, json.dumps, str, "- ")) + "\n"
    if format == "json":
        return "{\n" + "\n".join(_lines(data, json.dumps, json.dumps, "")).rstrip(",") + "\n}\n"
    return "{ // by hand\n" + "\n".join(_lines(data, _single_quoted, str, "")) + "\n}\n"


def _single_quoted(value: Any) -> str:
    return str(json5.dumps(value, quote_keys=False, trailing_commas=False))
