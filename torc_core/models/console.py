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


class WorkflowPage(TablePage, kw_only=True):
    """Rows of the list of workflows, and how many of all in it, whatever the filter, are running or ask for a look."""

    active: int
    attention: int
    """With failed jobs, or with jobs that cannot go on; the archived ones aside."""


class StuckWorkflow(Struct, kw_only=True):
    """A workflow that has jobs that cannot go on: the cause in few words, what no runner has, and all of it."""

    id: int
    name: str
    cause: str
    jobs: int
    lacking: str
    why: str


class WorkflowDetail(Struct, kw_only=True):
    """A workflow: its row in the list, the resource itself, and how many of each thing it has."""

    row: Row
    workflow: dict[str, Any]
    sizes: dict[str, int]
    """Table of the console -> rows."""
    stuck: StuckWorkflow | None = None
    """Its jobs that cannot go on, also while others run."""


class Usage(Struct, kw_only=True):
    """What an attempt that runs used when it was last looked at."""

    at_ms: int
    cpu_percent: float
    memory_bytes: int
    num_processes: int


class UsedOverTime(Struct, kw_only=True):
    """CPU (percent of one core) and memory, one value of each for each of `times_ms`; empty when nothing is known."""

    is_monitored: bool
    """Whether the workflow's runners tell what its jobs use."""
    times_ms: list[int] = field(default_factory=list)
    cpu_percent: list[float] = field(default_factory=list)
    memory_bytes: list[int] = field(default_factory=list)


class JobSamples(UsedOverTime, kw_only=True):
    """What an attempt used."""

    job_id: int
    attempt_id: int


class NodeSamples(UsedOverTime, kw_only=True):
    """What the jobs of a runner used together, and what it has."""

    node_id: int
    host: str
    workflow_id: int
    workflow_name: str
    is_active: bool
    cpus: int
    total_memory_bytes: int


class TimelineQuery(Struct, frozen=True, kw_only=True):
    """Which time of a run (ms since 1970; none: all of it) in how many parts, and which attempts of it.

    `node` limits the attempts to those of a runner. With `anchor`, the id of a job, they begin `before` rows above its
    last attempt; `offset` counts when there is none.
    """

    parts: int = 100
    from_ms: int | None = None
    to_ms: int | None = None
    node: int | None = None
    offset: int = 0
    limit: int = 100
    anchor: int | None = None
    before: int = 0


class NodeLoad(Struct, kw_only=True):
    """A runner's jobs over the parts of a timeline. Id 0 stands for jobs of which no runner is known."""

    id: int
    host: str
    jobs: int
    """Attempts that ran in this time."""
    running: list[float]
    """Jobs that ran at the same time, on average over each part."""


class Timeline(Struct, kw_only=True):
    """When the attempts of a workflow's run ran, and where: loads over equal parts of time, and some of the attempts.

    `bars` are rows of attempts with `start` and `end` (ms since 1970; no `end` while it runs), by start, from `offset`
    on; `total` is how many there are.
    """

    workflow_id: int
    name: str
    run: int
    from_ms: int
    step_ms: int
    """Length of a part."""
    now_ms: int
    """When this was so, by the server's clock."""
    attempts: int
    """Of the whole run, at any time, on any runner."""
    is_running: bool
    """Whether any of them runs."""
    nodes: list[NodeLoad] = field(default_factory=list)
    """The first NODES of those on which something ran in this time, by id."""
    nodes_total: int = 0
    all: NodeLoad | None = None
    """All of them together; None when nothing ran in this time."""
    bars: list[Row] = field(default_factory=list)
    offset: int = 0
    total: int = 0
    anchor: int | None = None
    """The place among all bars of the job that was asked for."""


class LostRunner(Struct, kw_only=True):
    """A runner that was lost, when (ms since 1970), why, and with how many jobs."""

    id: int
    host: str
    workflow_id: int
    workflow: str
    at_ms: int
    why: str
    jobs: int


class LiveNodes(Struct, kw_only=True):
    """The runners that are alive, the newest first, and sums over all of them; those that are missed."""

    nodes: list[Row]
    total: int
    """How many there are; `nodes` may be cut."""
    cpus: int
    taken_cpus: int
    """What their jobs asked for."""
    memory_bytes: int
    used_memory_bytes: int
    lost: list[LostRunner] = field(default_factory=list)
    """Those lost in the last hour, the newest first."""
    stuck: list[StuckWorkflow] = field(default_factory=list)
    """Workflows that wait for a runner that has what they need, or for a decision; those that ran last first."""


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
