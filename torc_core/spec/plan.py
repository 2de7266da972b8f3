"""A checked specification -> the plan that the server stores (torc_core/models/plan.py), and what it will do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
from msgspec import Struct

from torc_core.errors import InputError
from torc_core.models.plan import (
    PlanActions,
    PlanBarriers,
    PlanEnd,
    PlanFiles,
    PlanHandlers,
    PlanJobs,
    PlanLine,
    PlannedAction,
    PlannedBarrier,
    PlannedFile,
    PlannedHandler,
    PlannedJob,
    PlannedRequirements,
    PlannedScheduler,
    PlannedUserData,
    PlannedWorkflow,
    PlanRequirements,
    PlanSchedulers,
    PlanStart,
    PlanUserData,
)
from torc_core.models.resources import FailureRule
from torc_core.spec.actions import SCHEDULE
from torc_core.spec.graph import Graph
from torc_core.spec.inputs import input_states
from torc_core.spec.model import (
    ActionSpec,
    JobSpec,
    RequirementsSpec,
    ResourceMonitorSpec,
    SchedulerSpec,
    UserDataSpec,
    WorkflowSpec,
)
from torc_core.units import parse_duration, parse_memory

T = TypeVar("T")

CHUNK = 1000
"""Items in a line of the plan."""

_SERVER_DEFAULT = RequirementsSpec(name="default", num_cpus=1, memory="1m", runtime="P0DT1M")


class Totals(Struct, frozen=True):
    """What the jobs of a plan ask for; the built-in default counts for jobs that name no requirement."""

    cpu_seconds: int
    """CPUs times declared runtime, over all jobs and nodes."""
    gpu_seconds: int
    max_cpus: int
    """The most CPUs that one job asks for; likewise below."""
    max_memory_bytes: int
    max_gpus: int
    max_nodes: int
    max_runtime_s: int
    without_requirements: int
    """Jobs that name no requirement."""


class Plan:
    """A workflow ready to be sent. `uuid` makes sending it repeatable; jobs are in the order of their future ids."""

    def __init__(self, spec: WorkflowSpec, graph: Graph, user: str, origin: Path) -> None:
        self.uuid = str(uuid4())
        self._spec = spec
        self._graph = graph
        self._user = user
        self._origin = origin.absolute()
        self._records = [record for record in spec.user_data if record.name]
        self._schedulers = [scheduler for scheduler in spec.slurm_schedulers if scheduler.name]
        self.counts = {
            "jobs": len(spec.jobs),
            "files": len(spec.files),
            "user_data": len(self._records),
            "resource_requirements": len(spec.resource_requirements),
            "failure_handlers": len(spec.failure_handlers),
            "slurm_schedulers": len(self._schedulers),
            "actions": len(spec.actions),
        }

    def lines(self, initialize: bool) -> Iterator[bytes]:
        """The body of `POST /workflows/from_plan`, a JSON object a line, each ending in a newline."""
        encode = msgspec.json.Encoder().encode
        for line in self._lines(initialize):
            yield encode(line) + b"\n"

    def _lines(self, initialize: bool) -> Iterator[PlanLine]:
        spec = self._spec
        workflow = _workflow(spec, self._user, str(self._origin))
        yield PlanStart(
            uuid=self.uuid, workflow=workflow, initialize=initialize, barriers=len(spec.barriers), **self.counts
        )
        states = input_states(spec, self._origin)
        for files in _chunks(spec.files):
            yield PlanFiles([PlannedFile(file.name, file.path, *states.get(file.name, ())) for file in files])
        for records in _chunks(self._records):
            yield PlanUserData([_user_data(record) for record in records])
        for requirements in _chunks(spec.resource_requirements):
            yield PlanRequirements([_requirements(requirement) for requirement in requirements])
        for handlers in _chunks(spec.failure_handlers):
            yield PlanHandlers([PlannedHandler(handler.name, _rules(handler.rules)) for handler in handlers])
        for schedulers in _chunks(self._schedulers):
            yield PlanSchedulers([_scheduler(scheduler) for scheduler in schedulers])
        number = _Numbers(spec, self._records, self._schedulers, self._graph.order)
        yield from self._job_lines(number)
        for actions in _chunks(spec.actions):
            yield PlanActions([number.action(action) for action in actions])
        yield PlanEnd()

    def _job_lines(self, number: _Numbers) -> Iterator[PlanLine]:
        """Jobs, and each barrier just before the first job that waits for it: its members have come by then."""
        jobs: list[PlannedJob] = []
        positions: dict[int, int] = {}
        for index in self._graph.order:
            job = self._spec.jobs[index]
            barrier = job.barrier
            if barrier is not None and barrier not in positions:
                positions[barrier] = len(positions)
                if jobs:
                    yield PlanJobs(jobs)
                    jobs = []
                members = number.jobs(self._spec.barriers[barrier].members)
                yield PlanBarriers([PlannedBarrier(_runs(sorted(members)))])
            jobs.append(number.job(job, [] if barrier is None else [positions[barrier]]))
            if len(jobs) == CHUNK:
                yield PlanJobs(jobs)
                jobs = []
        if jobs:
            yield PlanJobs(jobs)

    def summary(self) -> dict[str, Any]:
        """The `summary` of torc's dry run (spec.md 14.2)."""
        spec = self._spec
        return {
            "workflow_name": spec.name,
            "workflow_description": spec.description,
            "job_count": len(spec.jobs),
            "job_count_before_expansion": spec.jobs_before_expansion,
            "file_count": len(spec.files),
            "file_count_before_expansion": spec.files_before_expansion,
            "user_data_count": len(spec.user_data),
            "resource_requirements_count": len(spec.resource_requirements),
            "slurm_scheduler_count": len(spec.slurm_schedulers),
            "action_count": len(spec.actions),
            "has_schedule_nodes_action": any(
                action.trigger_type == "on_workflow_start" and action.action_type == SCHEDULE for action in spec.actions
            ),
            "job_names": [job.name for job in spec.jobs],
            "scheduler_names": [scheduler.name for scheduler in self._schedulers],
        }

    def stages(self) -> list[list[str]]:
        """Names of the jobs by level: a stage can start when those it waits for, in earlier stages, have ended."""
        return [[self._spec.jobs[job].name for job in stage] for stage in self._graph.stages()]

    @property
    def longest_path(self) -> list[str]:
        """Names of the longest chain of jobs that must run one after the other."""
        return [self._spec.jobs[job].name for job in self._graph.longest_path()]

    @property
    def totals(self) -> Totals:
        """What all jobs together, and the largest of them, ask for."""
        by_name = {requirement.name: requirement for requirement in self._spec.resource_requirements}
        counts: dict[str | None, int] = {}
        for job in self._spec.jobs:
            counts[job.resource_requirements] = counts.get(job.resource_requirements, 0) + 1
        used = [(count, by_name[name] if name else _SERVER_DEFAULT) for name, count in counts.items()]
        return Totals(
            cpu_seconds=sum(n * r.num_cpus * r.num_nodes * parse_duration(r.runtime) for n, r in used),
            gpu_seconds=sum(n * r.num_gpus * r.num_nodes * parse_duration(r.runtime) for n, r in used),
            max_cpus=max((r.num_cpus for _, r in used), default=0),
            max_memory_bytes=max((parse_memory(r.memory) for _, r in used), default=0),
            max_gpus=max((r.num_gpus for _, r in used), default=0),
            max_nodes=max((r.num_nodes for _, r in used), default=0),
            max_runtime_s=max((parse_duration(r.runtime) for _, r in used), default=0),
            without_requirements=counts.get(None, 0),
        )


def build_plan(spec: WorkflowSpec, *, user: str, origin: Path) -> Plan:
    """The plan of a checked specification.

    `user` becomes the owner; `origin` is the folder the workflow was created from, where local runs work. InputError
    when jobs wait for each other.
    """
    graph = Graph(spec)
    cycles = graph.cycles()
    if cycles:
        raise InputError("\n".join(f"cycle: {text}" for _, text in cycles))
    return Plan(spec, graph, user, origin)


class _Numbers:
    """Names -> positions in the plan."""

    def __init__(
        self,
        spec: WorkflowSpec,
        records: Sequence[UserDataSpec],
        schedulers: Sequence[SchedulerSpec],
        order: Sequence[int],
    ) -> None:
        self._jobs = {spec.jobs[job].name: position for position, job in enumerate(order)}
        self._files = {file.name: position for position, file in enumerate(spec.files)}
        self._data = {record.name: position for position, record in enumerate(records)}
        self._requirements = {item.name: position for position, item in enumerate(spec.resource_requirements)}
        self._handlers = {handler.name: position for position, handler in enumerate(spec.failure_handlers)}
        self._schedulers = {scheduler.name: position for position, scheduler in enumerate(schedulers)}
        self._stdio = spec.stdio

    def jobs(self, names: Sequence[str]) -> list[int]:
        """The positions of jobs."""
        return [self._jobs[name] for name in names]

    def job(self, job: JobSpec, barriers: list[int]) -> PlannedJob:
        """The job with positions in place of names."""
        requirements, handler, scheduler = job.resource_requirements, job.failure_handler, job.scheduler
        return PlannedJob(
            name=job.name,
            command=job.command,
            invocation_script=job.invocation_script,
            env=job.env,
            cwd=job.cwd,
            cancel_on_blocking_job_failure=job.cancel_on_blocking_job_failure,
            supports_termination=job.supports_termination,
            keep_background=job.keep_background,
            lost_limit=0 if job.on_worker_lost == "fail" else job.max_worker_losses,
            priority=job.priority,
            stdio=job.stdio or self._stdio,
            resource_requirements=None if requirements is None else self._requirements[requirements],
            failure_handler=None if handler is None else self._handlers[handler],
            scheduler=None if scheduler is None else self._schedulers[scheduler],
            depends_on=[self._jobs[name] for name in job.depends_on],
            barriers=barriers,
            input_files=[self._files[name] for name in job.input_files],
            output_files=[self._files[name] for name in job.output_files],
            input_user_data=[self._data[name] for name in job.input_user_data],
            output_user_data=[self._data[name] for name in job.output_user_data],
        )

    def action(self, action: ActionSpec) -> PlannedAction:
        """The action with its config (spec.md 15.2)."""
        config: dict[str, Any] = {"commands": action.commands}
        if action.action_type == SCHEDULE:
            config = {
                "scheduler_type": action.scheduler_type,
                "num_allocations": action.num_allocations,
                "start_one_worker_per_node": action.start_one_worker_per_node,
            }
            if action.max_parallel_jobs is not None:
                config["max_parallel_jobs"] = action.max_parallel_jobs
        return PlannedAction(
            trigger_type=action.trigger_type,
            action_type=action.action_type,
            action_config=config,
            jobs=None if action.jobs is None else self.jobs(action.jobs),
            scheduler=self._schedulers.get(action.scheduler) if action.action_type == SCHEDULE else None,
            persistent=action.persistent,
        )


def _runs(positions: Sequence[int]) -> list[tuple[int, int]]:
    """[first, last] of each run of consecutive positions, which are in order."""
    runs: list[tuple[int, int]] = []
    for position in positions:
        if runs and runs[-1][1] == position - 1:
            runs[-1] = runs[-1][0], position
        else:
            runs.append((position, position))
    return runs


def _rules(rules: Sequence[FailureRule]) -> str:
    """The JSON text that torc's client sends: what is not said is left out, the retries always stand there."""
    texts = []
    for rule in rules:
        said: dict[str, Any] = msgspec.to_builtins(rule)
        texts.append(said | {"max_retries": rule.max_retries})
    return msgspec.json.encode(texts).decode()


def _scheduler(scheduler: SchedulerSpec) -> PlannedScheduler:
    fields = {name: getattr(scheduler, name) for name in PlannedScheduler.__struct_fields__}
    return PlannedScheduler(**fields)


def _workflow(spec: WorkflowSpec, user: str, origin: str) -> PlannedWorkflow:
    """The fields of the workflow, with the values torc's client sends for what is not said (spec.md 3.1, 13)."""
    monitor = spec.resource_monitor or ResourceMonitorSpec(enabled=True)
    return PlannedWorkflow(
        name=spec.name,
        user=user,
        description=spec.description,
        project=spec.project,
        metadata=spec.metadata,
        compute_node_expiration_buffer_seconds=_said(spec.compute_node_expiration_buffer_seconds, 180),
        compute_node_wait_for_new_jobs_seconds=_said(spec.compute_node_wait_for_new_jobs_seconds, 90),
        compute_node_ignore_workflow_completion=bool(spec.compute_node_ignore_workflow_completion),
        compute_node_wait_for_healthy_database_minutes=_said(spec.compute_node_wait_for_healthy_database_minutes, 20),
        compute_node_min_time_for_new_jobs_seconds=300,
        jobs_sort_method=spec.jobs_sort_method,
        resource_monitor_config=msgspec.json.encode(monitor).decode(),
        slurm_defaults=None if spec.slurm_defaults is None else msgspec.json.encode(spec.slurm_defaults).decode(),
        use_pending_failed=bool(spec.use_pending_failed),
        env=spec.env,
        cwd=spec.cwd,
        origin=origin,
        limit_resources=spec.limit_resources,
    )


def _said(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _user_data(record: UserDataSpec) -> PlannedUserData:
    return PlannedUserData(name=record.name or "", data=record.data, is_ephemeral=record.is_ephemeral)


def _requirements(requirement: RequirementsSpec) -> PlannedRequirements:
    return PlannedRequirements(
        name=requirement.name,
        num_cpus=requirement.num_cpus,
        memory=requirement.memory,
        num_gpus=requirement.num_gpus,
        num_nodes=requirement.num_nodes,
        runtime=requirement.runtime,
    )


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
