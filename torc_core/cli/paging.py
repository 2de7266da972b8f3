"""The options of every list: how much of it, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from torc_core.cli.nearest import one_of
from torc_core.models.status import JobStatus

STATUSES = [status.label for status in JobStatus]

JOB_FIELDS = ("id", "name", "status", "command", "priority", "attempt_id", "resource_requirements_id")

WORKFLOW_FIELDS = ("id", "name", "user", "description", "project", "timestamp")

RESULT_FIELDS = (
    *("id", "job_id", "run_id", "attempt_id", "compute_node_id", "return_code", "status"),
    *("exec_time_minutes", "completion_time", "peak_memory_bytes", "avg_memory_bytes"),
    *("peak_cpu_percent", "avg_cpu_percent"),
)

NODE_FIELDS = (
    "id",
    "hostname",
    "pid",
    "start_time",
    "duration_seconds",
    "is_active",
    "num_cpus",
    "memory_gb",
    "num_gpus",
)

EVENT_FIELDS = ("id", "timestamp")


def page_options(fields: tuple[str, ...], *, short: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--limit, --offset, --sort-by (one of `fields`) and --reverse-sort; `short` gives all of them a letter."""

    def names(long: str, letter: str) -> list[str]:
        return [letter, long] if short or letter == "-l" else [long]

    options = [
        click.option(
            *names("--limit", "-l"), type=click.IntRange(0), default=10_000, show_default=True, help="Show N at most."
        ),
        click.option(*names("--offset", "-o"), type=click.IntRange(0), default=0, help="Skip the first N."),
        click.option(
            *names("--sort-by", "-s"),
            metavar="FIELD",
            callback=one_of(fields),
            help=f"Order of the list: {', '.join(fields)}.  [default: id]",
        ),
        click.option(*names("--reverse-sort", "-r"), is_flag=True, help="Reverse the order."),
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
