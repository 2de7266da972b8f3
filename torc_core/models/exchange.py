"""The conversation of a runner with the server: one call carries results one way and jobs the other.

`POST /workflows/{workflow}/compute_nodes/{node}/exchange`, an ExchangeRequest answered by an ExchangeAnswer.

The runner numbers its calls; it may have at most one call that reports (answered as soon as it is committed) and one
that only waits (held open by the server up to `wait_ms`, answered at once when a newer call arrives). It ignores an
answer older than one it has already used. The server compares `held` with what it has assigned to the node and sends
again what the node lacks, so a lost answer costs nothing; the runner ignores pairs it knows. Of a call that arrives
after a newer one of its node the server takes `results` and `started`, ignores the rest and answers with nothing.

Times are milliseconds since 1970 (`_ms`), memory is bytes, CPU is percent of one core.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from torc_core.models.resources import FailureRule
from torc_core.models.stdio import Stdio


class FreeResources(Struct):
    """What the node can still take, now."""

    num_cpus: int
    memory_bytes: int
    num_gpus: int = 0
    num_nodes: int = 1


class Attempt(Struct, array_like=True, frozen=True):
    """One try at one job; with the workflow's run id it fences every report."""

    job_id: int
    attempt_id: int


class Started(Struct, array_like=True, frozen=True):
    """The process of an attempt exists."""

    job_id: int
    attempt_id: int
    start_ms: int
    pid: int


class Sample(Struct, array_like=True, frozen=True):
    """What an attempt used at a moment, over all its processes."""

    job_id: int
    attempt_id: int
    cpu_percent: float
    memory_bytes: int
    num_processes: int
    at_ms: int = 0
    """When; 0: when it is told."""


class OutputStat(Struct, array_like=True, frozen=True):
    """A declared output file as found after the job ended."""

    file_id: int
    mtime: float
    size: int


class AttemptResult(Struct, omit_defaults=True):
    """How an attempt ended. `status` is completed, failed, terminated, canceled or pending_failed."""

    job_id: int
    run_id: int
    attempt_id: int
    status: str
    return_code: int
    start_ms: int
    end_ms: int
    peak_memory_bytes: int | None = None
    avg_memory_bytes: int | None = None
    peak_cpu_percent: float | None = None
    avg_cpu_percent: float | None = None
    cause: str | None = None
    """Why it failed, where the exit code alone does not say: `missing output files: …`, `over memory: …`."""
    outputs: list[OutputStat] = field(default_factory=list)
    stderr_tail: str | None = None
    """The last lines of stderr of an attempt that did not succeed (2 kB at most)."""
    retry_up_to: int = 0
    """A rule of its failure handler fits and grants so many attempts: unless they were made, the job is ready again."""


class Prefetch(Struct, array_like=True, frozen=True):
    """So many jobs of this requirement beyond what fits now, to be started as slots become free."""

    resource_requirements_id: int
    count: int


class ExchangeRequest(Struct, omit_defaults=True):
    """What a runner tells and asks."""

    sequence: int
    free: FreeResources
    slots: int = 0
    """How many jobs it may start now at most, whatever their size; 0 asks for none."""
    ignore_resources: bool = False
    """Queue mode (--max-parallel-jobs alone): `free` does not matter."""
    prefetch: Prefetch | None = None
    time_left_s: int | None = None
    """Seconds until the allocation ends; jobs with a longer runtime are not handed out."""
    held: list[Attempt] = field(default_factory=list)
    """Every attempt it has and whose result is not yet acknowledged, those in `results` included."""
    started: list[Started] = field(default_factory=list)
    results: list[AttemptResult] = field(default_factory=list)
    released: list[Attempt] = field(default_factory=list)
    """Handed out, never started, given back."""
    samples: list[Sample] = field(default_factory=list)
    """What its jobs used since the last call, for who looks at them: nothing depends on it."""
    wait_ms: int = 0
    """How long the server may hold the call when there is nothing to say."""
    leaving: bool = False
    """The last call: the node becomes inactive, what it still holds goes back."""


class Assignment(Struct, omit_defaults=True):
    """A job handed out, with everything needed to run it."""

    job_id: int
    run_id: int
    attempt_id: int
    name: str
    command: str
    resource_requirements_id: int
    num_cpus: int
    memory_bytes: int
    num_gpus: int = 0
    num_nodes: int = 1
    runtime_s: int = 0
    limits: bool = True
    """False for the built-in default requirement: its numbers are never enforced."""
    invocation_script: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    """The job's own variables; the workflow's come with the workflow."""
    cwd: str | None = None
    supports_termination: bool = False
    keep_background: bool = False
    """Processes that it leaves behind live on until the runner ends."""
    stdio: Stdio | None = None
    """None: stdout and stderr in a file each."""
    output_files: list[tuple[int, str]] = field(default_factory=list)
    """(file id, path) of each declared output."""
    failure_rules: list[FailureRule] = field(default_factory=list)
    """Of its failure handler: what is done when it fails (runner.md 2.2)."""
    retries: int = 0
    """Attempts of this run before this one that such a rule, or somebody, had tried again; lost ones do not count."""


class StopOrder(Struct, array_like=True, frozen=True):
    """An attempt that must end: `canceled` (report it as canceled) or `superseded` (its result would be refused)."""

    job_id: int
    attempt_id: int
    reason: Literal["canceled", "superseded"]


class ExchangeAnswer(Struct, omit_defaults=True):
    """What the server tells and hands out."""

    acknowledged: int
    """The sequence of the call: everything in it is on disk."""
    run_id: int = 0
    jobs: list[Assignment] = field(default_factory=list)
    stop: list[StopOrder] = field(default_factory=list)
    refused: list[Attempt] = field(default_factory=list)
    """Results that were not taken because their attempt is no longer current."""
    actions: list[int] = field(default_factory=list)
    """Workflow actions that wait for jobs or the end and can be claimed; persistent ones stay here when they were."""
    state: Literal["active", "complete", "canceled"] = "active"
    lease_s: float = 60.0
    stuck: str | None = None
    """Why what is left can never run here: nothing is active anywhere and no ready job fits this node."""
