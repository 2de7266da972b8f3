"""Plain data -> WorkflowSpec: which keys exist, what each may hold, and every mistake in them (spec.md 3)."""

from __future__ import annotations

from typing import Any

from torc_core.models.stdio import Stdio
from torc_core.spec import values
from torc_core.spec.actions import read_actions
from torc_core.spec.document import Path, Source
from torc_core.spec.handlers import read_handlers
from torc_core.spec.model import (
    DEFAULT_REQUIREMENTS,
    FileSpec,
    JobSpec,
    RequirementsSpec,
    ResourceMonitorSpec,
    UserDataSpec,
    WorkflowSpec,
)
from torc_core.spec.objects import items, named, read_mapping
from torc_core.spec.schedulers import read_schedulers, read_slurm_defaults
from torc_core.spec.sweep import SWEEP_KEYS, read_parameters, take_sweep
from torc_core.spec.values import Reader
from torc_core.spec.variables import insert_variables, read_variables
from torc_core.units import MAX_INTEGER, UnitError, parse_memory

_SIGNED = values.whole(-MAX_INTEGER - 1)
_COUNT = values.whole(0)

_STDIO_MODE = values.choice("separate", "combined", "no_stdout", "no_stderr", "none")
STDIO_KEYS: dict[str, Reader] = {"mode": _STDIO_MODE, "delete_on_success": values.flag}


def _stdio(source: Source, value: Any, path: Path) -> Stdio | None:
    """A mode alone, or with what becomes of the files."""
    if isinstance(value, str):
        mode = _STDIO_MODE(source, value, path)
        return Stdio(mode) if mode else None
    return Stdio(**read_mapping(source, value, path, STDIO_KEYS, values.label(path)))


EXECUTION_KEYS: dict[str, Reader] = {"stdio": _stdio, "limit_resources": values.flag}


def _execution_config(source: Source, value: Any, path: Path) -> dict[str, Any]:
    """What torc 1.0 says of all jobs here: taken as the keys of the same name."""
    return read_mapping(source, value, path, EXECUTION_KEYS, "execution_config")


JOB_KEYS: dict[str, Reader] = {
    "name": values.name,
    "command": values.filled_text,
    "invocation_script": values.text,
    "cancel_on_blocking_job_failure": values.flag,
    "supports_termination": values.flag,
    "keep_background": values.flag,
    "on_worker_lost": values.choice("retry", "fail"),
    "max_worker_losses": values.whole(0, 1_000_000),
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
    "failure_handler": values.text,
    "scheduler": values.text,
    "stdio": _stdio,
    **SWEEP_KEYS,
}

FILE_KEYS: dict[str, Reader] = {
    "name": values.name,
    "path": values.filled_text,
    **SWEEP_KEYS,
}

USER_DATA_KEYS: dict[str, Reader] = {
    "name": values.name,
    "data": values.free,
    "is_ephemeral": values.flag,
    **SWEEP_KEYS,
}

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

SMALLEST_PROCESS = 4 * 1024**2
"""Bytes that a job takes at least: the shell that runs its command."""


def build(source: Source) -> WorkflowSpec:
    """The workflow of a document. With mistakes (in `source.errors`) it is incomplete; its jobs keep their places."""
    if source.data is None:
        source.error((), "the file is empty; a workflow needs a name and jobs")
        return WorkflowSpec()
    if not isinstance(source.data, dict):
        what = values.describe(source, source.data, ())
        source.error((), f"a workflow is a mapping with name and jobs, not {what}")
        return WorkflowSpec()
    insert_variables(source)
    found = read_mapping(source, source.data, (), WORKFLOW_KEYS, "the workflow", ("name", "jobs"))
    found = found.pop("execution_config", {}) | found
    spec = WorkflowSpec(**found)
    if spec.limit_resources is not False:
        _warn_of_small_memory(spec, source)
    return spec


def _warn_of_small_memory(spec: WorkflowSpec, source: Source) -> None:
    for requirement in spec.resource_requirements:
        try:
            size = parse_memory(requirement.memory)
        except UnitError:
            continue
        if size < SMALLEST_PROCESS:
            written = requirement.memory.strip()
            bytes_only = written.isdecimal()
            meant = f"{written}m if megabytes are meant" if bytes_only else "4m at least"
            message = (
                f"memory {written}{' is in bytes' if bytes_only else ''}: any process takes more, so its jobs will be"
                f" killed; write {meant}, or limit_resources: false in the workflow"
            )
            source.warn((*requirement.place, "memory"), message)


def _note_unread(source: Source, item: Any, errors_before: int, kind: str) -> None:
    """Copies that cannot be made are missing among the names."""
    if len(source.errors) > errors_before and isinstance(item, dict) and any(item.get(key) for key in SWEEP_KEYS):
        source.incomplete.add(kind)


def _jobs(source: Source, value: Any, path: Path) -> list[JobSpec]:
    jobs = []
    if value == []:
        source.warn(
            path, "there are no jobs, so there is nothing to run; write one, such as {name: first, command: date}"
        )
    for index, item in enumerate(items(source, value, path)):
        place = (*path, index)
        before = len(source.errors)
        found = read_mapping(source, item, place, JOB_KEYS, named("job", item), ("name", "command"))
        _note_unread(source, item, before, "job")
        sweep = take_sweep(found)
        jobs.append(JobSpec(**found, place=place, sweep=sweep))
    return jobs


def _files(source: Source, value: Any, path: Path) -> list[FileSpec]:
    files = []
    for index, item in enumerate(items(source, value, path)):
        place = (*path, index)
        before = len(source.errors)
        found = read_mapping(source, item, place, FILE_KEYS, named("file", item), ("name", "path"))
        _note_unread(source, item, before, "file")
        sweep = take_sweep(found)
        files.append(FileSpec(**found, place=place, sweep=sweep))
    return files


def _user_data(source: Source, value: Any, path: Path) -> list[UserDataSpec]:
    records = []
    for index, item in enumerate(items(source, value, path)):
        place = (*path, index)
        before = len(source.errors)
        found = read_mapping(source, item, place, USER_DATA_KEYS, named("user_data record", item))
        _note_unread(source, item, before, "user_data record")
        sweep = take_sweep(found)
        records.append(UserDataSpec(**found, place=place, sweep=sweep))
        if isinstance(item, dict) and item.get("name") is None:
            source.warn(place, "a user_data record without a name is not created; give it a name")
    return records


def _requirements(source: Source, value: Any, path: Path) -> list[RequirementsSpec]:
    requirements = []
    for index, item in enumerate(items(source, value, path)):
        place = (*path, index)
        what = named("requirement", item)
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


WORKFLOW_KEYS: dict[str, Reader] = {
    "name": values.name,
    "description": values.text,
    "user": values.text,
    "project": values.text,
    "metadata": values.text,
    "env": values.environment,
    "cwd": values.filled_text,
    "variables": read_variables,
    "parameters": read_parameters,
    "parameters_file": values.filled_text,
    "files": _files,
    "user_data": _user_data,
    "resource_requirements": _requirements,
    "failure_handlers": read_handlers,
    "slurm_schedulers": read_schedulers,
    "slurm_defaults": read_slurm_defaults,
    "jobs": _jobs,
    "actions": read_actions,
    "stdio": _stdio,
    "execution_config": _execution_config,
    "limit_resources": values.flag,
    "resource_monitor": _resource_monitor,
    "use_pending_failed": values.flag,
    "jobs_sort_method": values.choice("gpus_runtime_memory", "gpus_memory_runtime", "none"),
    "compute_node_wait_for_new_jobs_seconds": _SIGNED,
    "compute_node_expiration_buffer_seconds": _COUNT,
    "compute_node_ignore_workflow_completion": values.flag,
    "compute_node_wait_for_healthy_database_minutes": _COUNT,
}
"""The keys of the top level, in the order in which they are written and explained."""
