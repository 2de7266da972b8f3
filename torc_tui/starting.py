"""Starting an existing workflow: what will run, where, and with which files; and starting over what has changed."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from torc_core.client import endpoints
from torc_core.errors import TorcError
from torc_core.models.reinitialize import ReinitializeAnswer
from torc_core.run_records import RunOptions
from torc_tui import launch, workflow_inputs
from torc_tui.plans import Plan, Started, typed_count
from torc_tui.rendering.numbers import many
from torc_tui.statuses import ACTIVE, ENDED, count
from torc_tui.store import Store
from torc_tui.workflow_inputs import Inputs

REASONS_SHOWN = 2
"""So many reasons of a job are told."""

LISTED = 100
"""So many changed jobs are asked for: those that a dialog may name."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run on this machine, planned: what will run, and where."""

    store: Store
    workflow_id: int
    name: str
    lines: list[str]
    folder: str
    inputs: Inputs
    begun: bool
    """Jobs of it have run before."""
    ready: bool
    """Nothing has to be reset for it."""

    @property
    def title(self) -> str:
        return f"Run workflow {self.name} ({self.workflow_id})?"

    def plan(
        self, options: RunOptions, environment: dict[str, str] | None = None, *, confirm: bool | None = None
    ) -> Plan:
        """With these options. It is asked before when files are missing, or when jobs have run before, unless `confirm`
        says otherwise."""
        store, number, name = self.store, self.workflow_id, self.name

        async def apply() -> Started:
            await launch.refuse_other_output(store, self.folder, options)
            if not self.ready:
                await launch.deliver_late_results(store, number, self.folder, options)
                await workflow_inputs.record(store, number, self.inputs)
                await store.ask(endpoints.restart(number, dry_run=False))
            run = await launch.launch(store, number, name, self.folder, options, environment)
            how = f"local run {run.id}{launch.using(options)}"
            said = f"{name} ({number}) runs on this machine ({how}); it goes on when you leave the console"
            return Started(said, run)

        limits = f", using {options.said}" if options.said else ""
        lines = [*self.lines, f"On this machine{limits}; output goes to {options.output_folder(self.folder)}."]
        missing = self.inputs.missing
        confirm = bool(missing) or (self.begun if confirm is None else confirm)
        title = self.title
        if missing:
            title = f"Run {name} ({number}) though {many(len(missing), 'input file')} {_is(len(missing))} missing?"
            lines.insert(0, f"Jobs that read what is missing will fail. It was looked for in {self.folder}.")
        verb = "Run it nevertheless" if missing else "Run it"
        return Plan(title, lines, verb, apply, keep="Not now", confirm=confirm, danger=bool(missing), details=missing)


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


async def planned_run(store: Store, workflow_id: int) -> PlannedRun:
    """What would run now. TorcError when nothing can."""
    summary, restart, inputs = await asyncio.gather(
        store.ask(endpoints.summary(workflow_id)),
        store.ask(endpoints.restart(workflow_id, dry_run=True)),
        workflow_inputs.look(store, workflow_id),
    )
    called = f"{summary.name} ({workflow_id})"
    if summary.active_nodes:
        raise TorcError(f"workflow {called} runs already, on {many(summary.active_nodes, 'runner')}")
    if count(summary.counts, ACTIVE):
        raise TorcError(f"jobs of workflow {called} are with a runner; wait for it, or cancel the workflow first")
    if not restart.jobs:
        raise TorcError(
            f"nothing is left to run in workflow {called}: {restart.kept:,} jobs are completed; 'I' makes ready"
            " again what has changed since, 'i' everything"
        )
    begun = count(summary.counts, ENDED) > 0 or summary.is_canceled
    statuses = ", ".join(f"{n:,} {label}" for label, n in restart.by_status.items())
    lines = [f"{many(restart.jobs, 'job')} will run: {statuses}."]
    if restart.kept:
        lines.append(f"Completed jobs that stay as they are: {restart.kept:,}.")
    return PlannedRun(
        store, workflow_id, summary.name, lines, summary.origin or os.getcwd(), inputs, begun,
        ready=not begun and not count(summary.counts, ["uninitialized"]) and not inputs.to_record,
    )  # fmt: skip


async def plan_initialize(store: Store, workflow_id: int) -> Plan:
    """Every job becomes ready or blocked, whatever came of it before. TorcError while jobs are with a runner."""
    summary, inputs = await asyncio.gather(
        store.ask(endpoints.summary(workflow_id)), workflow_inputs.look(store, workflow_id)
    )
    called = f"{summary.name} ({workflow_id})"
    if count(summary.counts, ACTIVE):
        raise TorcError(f"jobs of workflow {called} are running; cancel it first")
    ended = count(summary.counts, ENDED)
    lines = [f"{many(summary.total, 'job')} will be ready or blocked, as their dependencies say."]
    if ended:
        lines.append(f"Jobs that ended and will run again: {ended:,}. Their results stay on record.")
    lines.append("Nothing runs before 'r'.")
    if inputs.missing:
        lines.append(_missing_line(inputs))

    async def apply() -> str:
        await store.ask(endpoints.reset_workflow_status(workflow_id))
        await store.ask(endpoints.reset_job_status(workflow_id))
        await workflow_inputs.record(store, workflow_id, inputs)
        done = await store.ask(endpoints.restart(workflow_id, dry_run=False))
        return f"{called} initialized as run {done.run_id}: 'r' runs it"

    confirm = ended > 0 or bool(inputs.missing)
    return Plan(f"Initialize workflow {called}?", lines, "Initialize it", apply, confirm=confirm)


def _missing_line(inputs: Inputs) -> str:
    more = f" and {len(inputs.missing) - 3:,} more" if len(inputs.missing) > 3 else ""
    return f"Missing, so that jobs that read it will fail: {', '.join(inputs.missing[:3])}{more}."


async def plan_reinitialize(store: Store, workflow_id: int) -> Plan:
    """Jobs whose command or inputs are others than when they ran, and all below them, become ready or blocked.

    TorcError when nothing has changed.
    """
    inputs = await workflow_inputs.look(store, workflow_id)
    told = await store.ask(endpoints.reinitialize(workflow_id, inputs.seen, dry_run=True, limit=LISTED))
    called = f"{told.name} ({workflow_id})"
    jobs = told.changed_count + told.below_count + told.uninitialized_count
    if not jobs:
        raise TorcError(f"nothing has changed in workflow {called}: {many(told.kept_count, 'job')} stay as they are")

    async def apply() -> str:
        done = await store.ask(endpoints.reinitialize(workflow_id, inputs.seen, dry_run=False, limit=1))
        return f"{called} is at run {done.run_id}: {many(jobs, 'job')} will run again; 'r' runs them"

    lines = _reinitialize_lines(told)
    if inputs.missing:
        lines.append(_missing_line(inputs))
    details = [f"{job.name}: {_reasons(job.reasons)}" for job in told.changed]
    return Plan(
        f"Reinitialize workflow {called}?", lines, "Reinitialize it", apply, type_this=typed_count(jobs),
        details=details, details_total=told.changed_count, danger=False,
    )  # fmt: skip


def _reinitialize_lines(told: ReinitializeAnswer) -> list[str]:
    lines = []
    if told.changed_count:
        lines.append(f"{many(told.changed_count, 'job')} will run again: what {_they(told.changed_count)} has changed.")
    if told.below_count:
        lines.append(f"{many(told.below_count, 'job')} below will run again after that.")
    if told.uninitialized_count:
        lines.append(f"{many(told.uninitialized_count, 'job')} that never began will be ready or blocked.")
    lines.append(f"Kept as they are: {told.kept_count:,}. Results stay on record. Nothing runs before 'r'.")
    return lines


def _they(jobs: int) -> str:
    return "it runs or reads" if jobs == 1 else "they run or read"


def _reasons(reasons: list[str]) -> str:
    shown = "; ".join(reasons[:REASONS_SHOWN])
    more = len(reasons) - REASONS_SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown
