"""Plain data -> WorkflowSpec: which keys exist, what each may hold, and every mistake in them (spec.md 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torc_core.spec import values
from torc_core.spec.document import Path, Source
from torc_core.spec.model import (
    DEFAULT_REQUIREMENTS,
    FileSpec,
    JobSpec,
    RequirementsSpec,
    ResourceMonitorSpec,
    UserDataSpec,
    WorkflowSpec,
)
from torc_core.spec.suggest import Suggestions
from torc_core.spec.values import Reader
from torc_core.units import MAX_INTEGER

_SIGNED = values.whole(-MAX_INTEGER - 1)
_COUNT = values.whole(0)

JOB_KEYS: dict[str, Reader] = {
    "name": values.name,
    "command": values.filled_text,
    "invocation_script": values.text,
    "cancel_on_blocking_job_failure": values.flag,
    "supports_termination": values.flag,
    "resource_requirements": values.text,
    "priority": values.whole(-(2**31), 2**31 - 1),
    "env": values.environment,
    "cwd": values.filled_text,
    "depends_on": values.names,
    "depends_on_regexes": values.names,
    "input_files": values.names,
    "output_files": values.names,
    "input_user_data": values.names,
    "output_user_data": values.names,
    "input_file_regexes": values.names,
    "output_file_regexes": values.names,
    "input_user_data_regexes": values.names,
    "output_user_data_regexes": values.names,
    "failure_handler": values.not_yet,
    "scheduler": values.not_yet,
    "parameters": values.not_yet,
    "parameter_mode": values.not_yet,
    "use_parameters": values.not_yet,
}

FILE_KEYS: dict[str, Reader] = {
    "name": values.name,
    "path": values.filled_text,
    "parameters": values.not_yet,
    "parameter_mode": values.not_yet,
    "use_parameters": values.not_yet,
}

USER_DATA_KEYS: dict[str, Reader] = {"name": values.name, "data": values.free, "is_ephemeral": values.flag}

REQUIREMENTS_KEYS: dict[str, Reader] = {
    "name": values.name,
    "num_cpus": _COUNT,
    "memory": values.memory,
    "num_gpus": _COUNT,
    "num_nodes": values.whole(1),
    "runtime": values.duration,
}

MONITOR_KEYS: dict[str, Reader] = {
    "enabled": values.flag,
    "granularity": values.choice("summary", "time_series"),
    "sample_interval_seconds": values.whole(1, 2**31 - 1),
    "generate_plots": values.flag,
}

SLURM_DEFAULTS_REFUSED = frozenset({"partition", "nodes", "walltime", "time", "mem", "gres", "name", "job-name"})
"""Options of sbatch that torc sets itself (spec.md 10)."""


def build(source: Source) -> WorkflowSpec:
    """The workflow of a document. With mistakes (in `source.errors`) it is incomplete; its jobs keep their places."""
    data = source.data
    if data is None:
        source.error((), "the file is empty; a workflow needs a name and jobs")
        return WorkflowSpec()
    if not isinstance(data, dict):
        source.error((), f"a workflow is a mapping with name and jobs, not {values.describe(source, data, ())}")
        return WorkflowSpec()
    found = read_mapping(source, data, (), WORKFLOW_KEYS, "the workflow", ("name", "jobs"))
    return WorkflowSpec(**found)


def read_mapping(
    source: Source,
    value: Any,
    path: Path,
    keys: Mapping[str, Reader],
    what: str,
    required: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Read the keys of one object; null counts as absent. `what` names the object in messages."""
    if not isinstance(value, dict):
        source.error(path, f"{what} must be a mapping, not {values.describe(source, value, path)}")
        return {}
    found = {}
    for key, item in value.items():
        read = keys.get(key)
        if read is None:
            known = [name for name, reader in keys.items() if reader is not values.not_yet]
            near = Suggestions().nearest(key, known)
            source.unknown_key((*path, key), f"unknown key {values.quoted(key)} in {what}{near}")
        elif item is not None:
            result = read(source, item, (*path, key))
            if result is not None:
                found[key] = result
    for key in required:
        if value.get(key) is None:
            source.error(path, f"{what} has no {key}")
    return found


def _items(source: Source, value: Any, path: Path) -> list[Any]:
    if isinstance(value, list):
        return value
    source.error(path, f"{values.label(path)} must be a list, not {values.describe(source, value, path)}")
    return []


def _named(what: str, item: Any) -> str:
    """`job "a"` where the name is readable, else `a job`."""
    name = item.get("name") if isinstance(item, dict) else None
    return f"{what} {values.quoted(name)}" if isinstance(name, str) and name.strip() else f"a {what}"


def _jobs(source: Source, value: Any, path: Path) -> list[JobSpec]:
    jobs = []
    for index, item in enumerate(_items(source, value, path)):
        place = (*path, index)
        found = read_mapping(source, item, place, JOB_KEYS, _named("job", item), ("name", "command"))
        jobs.append(JobSpec(**found, place=place))
    return jobs


def _files(source: Source, value: Any, path: Path) -> list[FileSpec]:
    files = []
    for index, item in enumerate(_items(source, value, path)):
        place = (*path, index)
        found = read_mapping(source, item, place, FILE_KEYS, _named("file", item), ("name", "path"))
        files.append(FileSpec(**found, place=place))
    return files


def _user_data(source: Source, value: Any, path: Path) -> list[UserDataSpec]:
    records = []
    for index, item in enumerate(_items(source, value, path)):
        place = (*path, index)
        found = read_mapping(source, item, place, USER_DATA_KEYS, _named("user_data record", item))
        records.append(UserDataSpec(**found, place=place))
        if isinstance(item, dict) and item.get("name") is None:
            source.warn(place, "a user_data record without a name is not created; give it a name")
    return records


def _requirements(source: Source, value: Any, path: Path) -> list[RequirementsSpec]:
    requirements = []
    for index, item in enumerate(_items(source, value, path)):
        place = (*path, index)
        what = _named("requirement", item)
        found = read_mapping(source, item, place, REQUIREMENTS_KEYS, what, ("name", "num_cpus", "memory"))
        if found.get("name") == DEFAULT_REQUIREMENTS:
            message = 'the name "default" is kept for jobs that name no requirement; choose another'
            source.error((*place, "name"), message)
        requirements.append(RequirementsSpec(**found, place=place))
    return requirements


def _resource_monitor(source: Source, value: Any, path: Path) -> ResourceMonitorSpec:
    found = read_mapping(source, value, path, MONITOR_KEYS, "resource_monitor")
    if isinstance(value, dict) and value.get("enabled") is None:
        source.warn(path, "resource_monitor without enabled is off; write enabled: true or enabled: false", key=True)
    return ResourceMonitorSpec(**found)


def _slurm_defaults(source: Source, value: Any, path: Path) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        source.error(path, f"slurm_defaults must be a mapping, not {values.describe(source, value, path)}")
        return None
    for key in value:
        if key.lower() in SLURM_DEFAULTS_REFUSED:
            message = f"slurm_defaults cannot set {key}: torc sets it for each allocation"
            source.error((*path, key), message, key=True)
    found: dict[str, Any] = values.free(source, value, path)
    return found


WORKFLOW_KEYS: dict[str, Reader] = {
    "name": values.name,
    "user": values.text,
    "description": values.text,
    "project": values.text,
    "metadata": values.text,
    "env": values.environment,
    "cwd": values.filled_text,
    "limit_resources": values.flag,
    "use_pending_failed": values.flag,
    "compute_node_expiration_buffer_seconds": _COUNT,
    "compute_node_wait_for_new_jobs_seconds": _SIGNED,
    "compute_node_ignore_workflow_completion": values.flag,
    "compute_node_wait_for_healthy_database_minutes": _COUNT,
    "jobs_sort_method": values.choice("gpus_runtime_memory", "gpus_memory_runtime", "none"),
    "resource_monitor": _resource_monitor,
    "slurm_defaults": _slurm_defaults,
    "jobs": _jobs,
    "files": _files,
    "user_data": _user_data,
    "resource_requirements": _requirements,
    "parameters": values.not_yet,
    "failure_handlers": values.not_yet,
    "slurm_schedulers": values.not_yet,
    "actions": values.not_yet,
}
"""The keys of the top level."""
