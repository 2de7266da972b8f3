"""Acting on jobs: cancel, retry, explain."""

from __future__ import annotations

from collections.abc import Awaitable

from torc_core.client import endpoints, failures
from torc_tui.actions import Action, Group, Place
from torc_tui.context import Context, Thing
from torc_tui.plans import Plan, typed_count
from torc_tui.rendering.numbers import many
from torc_tui.retrying import plan_retry
from torc_tui.verbs.workflow import each

HERE = frozenset({Place.JOBS, Place.JOB})
ALSO_IN_LOG = HERE | {Place.LOG, Place.PLOT}

CAN_CANCEL = ("blocked", "ready", "pending", "running", "uninitialized")
CAN_RETRY = ("failed", "terminated", "pending_failed")


def _statuses(context: Context) -> list[str | None]:
    return [thing.row.get("status") if thing.row else None for thing in context.things("job")]


def _cancel_reason(context: Context) -> str | None:
    found = _statuses(context)
    if not found:
        return "no job is meant"
    return None if any(status is None or status in CAN_CANCEL for status in found) else "it has ended already"


def _retry_reason(context: Context) -> str | None:
    found = _statuses(context)
    if not found:
        return "no job is meant"
    return None if any(status is None or status in CAN_RETRY for status in found) else "it did not fail"


def _some(context: Context) -> str | None:
    return None if context.things("job") else "no job is meant"


def _named(things: list[Thing]) -> str:
    return f"job {things[0].name} ({things[0].id})" if len(things) == 1 else many(len(things), "job")


async def _cancel(context: Context) -> None:
    things = [t for t in context.things("job") if t.row is None or t.row.get("status") in CAN_CANCEL]
    running = sum(1 for thing in things if thing.row and thing.row.get("status") in ("running", "pending"))
    lines = []
    if running:
        lines.append(f"{many(running, 'running job')} will be stopped: SIGTERM, then SIGKILL after 10 s.")
    lines.append("Jobs below will be canceled too, unless they run whatever happens to their parents.")

    async def apply() -> str:
        def work(thing: Thing) -> Awaitable[object]:
            return context.store.ask(endpoints.cancel_job(thing.id))

        return await each(context, things, work, f"{_named(things)} canceled")

    verb = "Cancel it" if len(things) == 1 else "Cancel them"
    details = [thing.name for thing in things] if len(things) > 1 else []
    await context.app.carry_out(
        Plan(f"Cancel {_named(things)}?", lines, verb, apply, details=details, type_this=typed_count(len(things)))
    )


async def _retry(context: Context) -> None:
    things = [t for t in context.things("job") if t.row is None or t.row.get("status") in CAN_RETRY]
    ids = [thing.id for thing in things]
    plan = await plan_retry(context.store, [lambda dry: failures.retry_jobs(ids, dry_run=dry)], _named(things))
    await context.app.carry_out(plan)
    if context.table:
        context.table.clear_marks()


async def _why(context: Context) -> None:
    thing = context.things("job")[0]
    told = await context.store.ask(endpoints.explain_job(thing.id))
    await context.app.tell(f"Why is {thing.name} ({thing.id}) {told.status}?", [told.why, *told.details])


ACTIONS = (
    Action("job.cancel", "cancel", "Cancel: a running job is stopped, a waiting one becomes canceled", "x",
           ALSO_IN_LOG, _cancel, Group.ACT, True, _cancel_reason, 20),
    Action("job.retry", "retry", "Run failed jobs again, in the same run, under the next attempt", "R",
           ALSO_IN_LOG, _retry, Group.ACT, True, _retry_reason, 15),
    Action("job.why", "why", "Why a job waits, or how it ended", "w", HERE, _why, Group.LOOK, False, _some, 25),
)  # fmt: skip
