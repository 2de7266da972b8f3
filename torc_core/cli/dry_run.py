"""What a workflow file would make: counts, stages, first jobs, resources, longest path (spec.md 14.2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import click

from torc_core.cli.output import print_json
from torc_core.spec import Loaded, Plan, Totals, WorkflowSpec
from torc_core.units import format_duration, format_memory
from torc_core.wording import count_of

NAMES_SHOWN = 10
"""So many jobs of a stage are named."""
STAGES_SHOWN = 20
JOBS_SHOWN = 5
COMMAND_WIDTH = 100


def print_report(loaded: Loaded, plan: Plan | None) -> None:
    """The dry run as JSON, with torc's keys; counts are zero when there is no plan."""
    report: dict[str, Any] = {
        "valid": loaded.spec is not None,
        "errors": [str(error) for error in loaded.errors],
        "warnings": [str(warning) for warning in loaded.warnings],
        "summary": plan.summary() if plan else _nothing(),
    }
    print_json(report)


def _nothing() -> dict[str, Any]:
    from pathlib import Path

    from torc_core.spec import build_plan

    return build_plan(WorkflowSpec(), user="", origin=Path()).summary()


def tell_plan(file: str, spec: WorkflowSpec, plan: Plan) -> None:
    """The dry run for people."""
    stages = plan.stages()
    jobs = count_of(len(spec.jobs), "jobs") + _expanded(len(spec.jobs), spec.jobs_before_expansion)
    click.echo(f"{file} is valid: workflow '{spec.name}', {jobs} in {count_of(len(stages), 'stages')}")
    _tell_counts(spec, plan)
    for number, names in enumerate(stages[:STAGES_SHOWN], 1):
        click.echo(f"Stage {number} ({count_of(len(names), 'jobs')}): {_some(names, NAMES_SHOWN)}")
    if len(stages) > STAGES_SHOWN:
        click.echo(f"... and {count_of(len(stages) - STAGES_SHOWN, 'more stages')}")
    if not stages:
        return
    path = plan.longest_path
    if len(path) > 1:
        click.echo(f"Longest path ({count_of(len(path), 'jobs')}): {_ends(path)}")
    _tell_resources(plan)
    if spec.jobs_before_expansion != len(spec.jobs):
        _tell_first_jobs(spec)


def _expanded(count: int, written: int) -> str:
    return f" (expanded from {written})" if count != written else ""


def _tell_counts(spec: WorkflowSpec, plan: Plan) -> None:
    others = []
    for name, count in plan.counts.items():
        if count and name != "jobs":
            expanded = _expanded(count, spec.files_before_expansion) if name == "files" else ""
            others.append(count_of(count, name.replace("_", " ")) + expanded)
    if others:
        click.echo("With " + ", ".join(others))


def _tell_resources(plan: Plan) -> None:
    totals = plan.totals
    if totals.without_requirements < plan.counts["jobs"]:
        _tell_asked(totals)
    if totals.without_requirements:
        without = count_of(totals.without_requirements, "jobs")
        click.echo(f"Without requirements, so 1 CPU each and no limits: {without}")


def _tell_asked(totals: Totals) -> None:
    cpu = f"{totals.cpu_seconds / 3600:,.1f} CPU hours"
    gpu = f", {totals.gpu_seconds / 3600:,.1f} GPU hours" if totals.gpu_seconds else ""
    largest = [count_of(totals.max_cpus, "CPUs"), format_memory(totals.max_memory_bytes)]
    if totals.max_gpus:
        largest.append(count_of(totals.max_gpus, "GPUs"))
    if totals.max_nodes > 1:
        largest.append(f"{totals.max_nodes} nodes")
    largest.append(format_duration(totals.max_runtime_s))
    click.echo(f"Asked for at most: {cpu}{gpu}; the most of one job: {', '.join(largest)}")


def _tell_first_jobs(spec: WorkflowSpec) -> None:
    click.echo("First jobs:")
    for job in islice(spec.jobs, JOBS_SHOWN):
        command = " ".join(job.command.split())
        shown = command if len(command) <= COMMAND_WIDTH else command[: COMMAND_WIDTH - 3] + "..."
        click.echo(f"  {job.name}: {shown}")


def _some(names: Sequence[str], limit: int) -> str:
    more = f", and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _ends(path: Sequence[str]) -> str:
    """The first and last jobs of a path."""
    half = NAMES_SHOWN // 2
    shown = list(path)
    if len(path) > NAMES_SHOWN:
        shown[half:-half] = [f"... {len(path) - 2 * half:,} more ..."]
    return " -> ".join(shown)
