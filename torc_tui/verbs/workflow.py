"""Acting on workflows: run, cancel, retry what failed, initialize, reset, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from torc_core.client import endpoints, failures
from torc_core.errors import TorcError
from torc_core.models.progress import Summary
from torc_core.run_records import RunOptions
from torc_tui import local_runs
from torc_tui.actions import Action, Group, Place
from torc_tui.context import Context, Thing
from torc_tui.plans import Plan, typed_count
from torc_tui.rendering.numbers import many
from torc_tui.retrying import plan_retry
from torc_tui.screens.workflows import WorkflowsScreen
from torc_tui.starting import plan_initialize, plan_reinitialize, planned_run
from torc_tui.statuses import ACTIVE, ENDED, ENDED_BADLY, FAILED, WAITING, count
from torc_tui.store import Store

HERE = frozenset({Place.WORKFLOWS, Place.WORKFLOW})
LIST = frozenset({Place.WORKFLOWS})
INSIDE = frozenset({Place.WORKFLOW, Place.JOB})

AT_ONCE = 8
"""So many requests are under way while several things are changed one by one."""


def _some(context: Context) -> str | None:
    return None if context.things("workflow") else "no workflow is meant"


def _one(context: Context) -> str | None:
    things = context.things("workflow")
    return _some(context) or (None if len(things) == 1 else "only one at a time; 'u' takes the marks")


def _counts(context: Context) -> dict[str, int] | None:
    """Jobs by status over all that is meant, as far as it is known."""
    rows = [thing.row for thing in context.things("workflow")]
    if not rows or any(row is None for row in rows):
        return None
    total: dict[str, int] = {}
    for row in rows:
        for label, n in (row or {}).get("counts", {}).items():
            total[label] = total.get(label, 0) + n
    return total


def _has(*labels: str, otherwise: str) -> Callable[[Context], str | None]:
    """Needs jobs in one of these statuses."""

    def reason(context: Context) -> str | None:
        counts = _counts(context)
        if counts is None:
            return _some(context)
        return None if count(counts, labels) else otherwise

    return reason


def _named(thing: Thing) -> str:
    return f"{thing.name} ({thing.id})" if thing.name else str(thing.id)


async def _summaries(store: Store, things: list[Thing]) -> list[Summary]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(thing: Thing) -> Summary:
        async with gate:
            return await store.ask(endpoints.summary(thing.id))

    return list(await asyncio.gather(*(one(thing) for thing in things)))


def _title(verb: str, things: list[Thing]) -> str:
    if len(things) == 1:
        return f"{verb} workflow {_named(things[0])}?"
    return f"{verb} {many(len(things), 'workflow')}?"


def _names(things: list[Thing]) -> list[str]:
    return [_named(thing) for thing in things] if len(things) > 1 else []


def _called(things: list[Thing]) -> str:
    return _named(things[0]) if len(things) == 1 else many(len(things), "workflow")


async def each(context: Context, things: list[Thing], work: Callable[[Thing], Awaitable[object]], done: str) -> str:
    """Do something to several things, some at once; gives the line that says what came of it.

    TorcError when none worked; those that failed are counted, with the first reason.
    """
    gate = asyncio.Semaphore(AT_ONCE)
    errors: list[TorcError] = []

    async def one(thing: Thing) -> None:
        async with gate:
            try:
                await work(thing)
            except TorcError as error:
                errors.append(error)

    await asyncio.gather(*(one(thing) for thing in things))
    if len(errors) == len(things):
        raise errors[0]
    if context.table and not errors:
        context.table.clear_marks()
    failed = f"; {len(errors):,} could not be: {errors[0]}" if errors else ""
    return f"{done}{failed}"


async def run(
    context: Context, thing: Thing, options: RunOptions | None = None, environment: dict[str, str] | None = None
) -> None:
    """Run what is not completed of a workflow; without options as it was run last."""
    planned = await planned_run(context.store, thing.id)
    options = options or await last_options(context, thing.id)
    await context.app.carry_out(planned.plan(options, environment))


async def last_options(context: Context, workflow_id: int) -> RunOptions:
    """What a workflow was last run with from a console on this machine."""
    assert context.store.address is not None
    return await asyncio.to_thread(local_runs.last_options, workflow_id, context.store.address.url)


async def _run(context: Context) -> None:
    (thing,) = context.things("workflow")
    await run(context, thing)


async def _cancel(context: Context) -> None:
    things = context.things("workflow")
    summaries = await _summaries(context.store, things)
    active = sum(count(summary.counts, ACTIVE) for summary in summaries)
    waiting = sum(count(summary.counts, ("blocked", "ready")) for summary in summaries)
    kept = sum(count(summary.counts, ENDED) for summary in summaries)
    if not active and not waiting:
        raise TorcError(f"nothing is left to cancel in {_called(things)}: every job has ended")
    lines = []
    if active:
        lines.append(f"{many(active, 'running job')} will be stopped: SIGTERM, then SIGKILL after 10 s.")
    if waiting:
        lines.append(f"{many(waiting, 'waiting job')} will be canceled.")
    if kept:
        lines.append(f"Results that are there stay: {kept:,}.")
    lines.append("It can be started again with 'r' run.")

    async def apply() -> str:
        work = lambda thing: context.store.ask(endpoints.cancel_workflow(thing.id))  # noqa: E731
        return await each(context, things, work, f"{_called(things)} canceled")

    await context.app.carry_out(
        Plan(_title("Cancel", things), lines, "Cancel it" if len(things) == 1 else "Cancel them", apply,
             details=_names(things), type_this=typed_count(len(things)))
    )  # fmt: skip


async def _retry(context: Context) -> None:
    things = context.things("workflow")
    within = f"workflow_id in ({', '.join(str(thing.id) for thing in things)})"
    plan = await plan_retry(
        context.store, [lambda dry: failures.retry_failures(within, dry_run=dry)], f"what failed in {_called(things)}"
    )
    await context.carry_out(plan)


async def _initialize(context: Context) -> None:
    (thing,) = context.things("workflow")
    await context.app.carry_out(await plan_initialize(context.store, thing.id))


async def _reinitialize(context: Context) -> None:
    (thing,) = context.things("workflow")
    await context.app.carry_out(await plan_reinitialize(context.store, thing.id))


async def _reset(context: Context) -> None:
    (thing,) = context.things("workflow")
    summary = await context.store.ask(endpoints.summary(thing.id))
    active = count(summary.counts, ACTIVE)
    lines = [f"{many(summary.total, 'job')} will be uninitialized; 'i' initializes them."]
    if active:
        lines.append(f"{many(active, 'running job')} will be stopped first.")
    lines.append("Results stay on record.")

    async def apply() -> str:
        await context.store.ask(endpoints.reset_job_status(thing.id))
        await context.store.ask(endpoints.reset_workflow_status(thing.id, force=True))
        return f"{_named(thing)} reset"

    await context.app.carry_out(Plan(_title("Reset", [thing]), lines, "Reset it", apply))


async def _delete(context: Context) -> None:
    things = context.things("workflow")
    summaries = await _summaries(context.store, things)
    jobs = sum(summary.total for summary in summaries)
    active = sum(count(summary.counts, ACTIVE) for summary in summaries)
    lines = [f"{many(jobs, 'job')} will be forgotten for good, with all results, files and events on record."]
    if active:
        lines.append(f"{many(active, 'running job')} will be stopped.")
    lines.append("Files on the disk stay.")

    async def apply() -> str:
        work = lambda thing: context.store.ask(endpoints.delete_workflow(thing.id))  # noqa: E731
        return await each(context, things, work, f"{_called(things)} deleted")

    type_this = summaries[0].name if len(things) == 1 else str(len(things))
    await context.app.carry_out(
        Plan(_title("Delete", things), lines, "Delete for good", apply, type_this=type_this, details=_names(things))
    )


def _mine(context: Context) -> None:
    if isinstance(context.screen, WorkflowsScreen):
        pane = context.screen.pane
        pane.show_mine(not pane.source.mine)


_waits = _has(*WAITING, *ENDED_BADLY, otherwise="every job is completed")
_goes_on = _has("blocked", "ready", *ACTIVE, otherwise="every job has ended")
_failed = _has(*FAILED, otherwise="no job failed")


def run_reason(context: Context) -> str | None:
    """Why a workflow cannot be run now."""
    reason = _one(context) or _waits(context)
    counts = _counts(context) or {}
    return reason or ("it runs already" if count(counts, ACTIVE) else None)


ACTIONS = (
    Action("workflow.run", "run", "Run what is not completed, and all below it, on this machine", "r", HERE, _run,
           Group.ACT, True, run_reason, 10, frozenset({Place.JOB})),
    Action("workflow.cancel", "cancel", "Cancel: running jobs are stopped, waiting ones become canceled", "x", LIST,
           _cancel, Group.ACT, True, _goes_on, 20, INSIDE),
    Action("workflow.retry", "retry failed", "Run the failed jobs again, in the same run", "R", LIST, _retry,
           Group.ACT, True, _failed, 30, INSIDE),
    Action("workflow.initialize", "initialize", "Start over: every job is ready or blocked again; 'r' runs them", "i",
           LIST, _initialize, Group.ACT, True, _one, None, INSIDE),
    Action("workflow.reinitialize", "reinitialize",
           "Make ready again what changed since it ran, and all below; 'r' runs it", "I", HERE, _reinitialize,
           Group.ACT, True, _one, None, frozenset({Place.JOB})),
    Action("workflow.reset", "reset", "Take every job back to uninitialized", "", HERE, _reset, Group.ACT, True, _one,
           None, frozenset({Place.JOB})),
    Action("workflow.delete", "delete", "Forget the workflow with all its results", "D,delete", LIST, _delete,
           Group.ACT, True, _some, None, INSIDE),
    Action("list.mine", "mine or all", "Only your own workflows, or those of all again", "m", LIST, _mine,
           Group.LOOK),
)  # fmt: skip
