"""What the endpoints made for the console answer (`/console`): table pages, a workflow, a job with all around it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

Row = dict[str, Any]
"""A row of a table: column -> value; columns that are null are missing. Every row has an `id`."""


class TablePage(Struct, kw_only=True):
    """Rows from `offset` on; `total` match the filter, `everything` is without one, `anchor` is where that row is."""

    items: list[Row]
    offset: int
    total: int
    everything: int
    anchor: int | None = None


class WorkflowDetail(Struct, kw_only=True):
    """A workflow: its row in the list, the resource itself, and how many of each thing it has."""

    row: Row
    workflow: dict[str, Any]
    sizes: dict[str, int]
    """Table of the console -> rows."""


class Usage(Struct, kw_only=True):
    """What an attempt that runs used when it was last looked at."""

    at_ms: int
    cpu_percent: float
    memory_bytes: int
    num_processes: int


class JobSamples(Struct, kw_only=True):
    """What an attempt used: one value of each for each of `times_ms`. Empty when nothing is known any more."""

    job_id: int
    attempt_id: int
    is_monitored: bool
    """Whether the workflow's runners tell what its jobs use."""
    times_ms: list[int] = field(default_factory=list)
    cpu_percent: list[float] = field(default_factory=list)
    memory_bytes: list[int] = field(default_factory=list)


class LiveNodes(Struct, kw_only=True):
    """The runners that are alive, the newest first, and sums over all of them."""

    nodes: list[Row]
    total: int
    """How many there are; `nodes` may be cut."""
    cpus: int
    taken_cpus: int
    """What their jobs asked for."""
    memory_bytes: int
    used_memory_bytes: int


class JobDetail(Struct, kw_only=True, omit_defaults=True):
    """A job with all around it. Relations are (id, name, status), cut at 100; their totals are always right."""

    job: dict[str, Any]
    workflow_name: str
    run_id: int
    origin: str | None = None
    requirements: Row
    why: str
    details: list[str] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    needs: list[tuple[int, str, str]] = field(default_factory=list)
    needs_total: int = 0
    unlocks: list[tuple[int, str, str]] = field(default_factory=list)
    unlocks_total: int = 0
    inputs: list[Row] = field(default_factory=list)
    outputs: list[Row] = field(default_factory=list)
    node: Row | None = None
    start: int | None = None
    usage: Usage | None = None
    """While it runs."""
    memory_outline: list[int] = field(default_factory=list)
    """Bytes over the time of the last attempt, in equal parts, as long as the server remembers."""
