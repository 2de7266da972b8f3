"""What failed: going there from anywhere, unfolding causes, retrying one job or all of a cause."""

from __future__ import annotations

from torc_core.client import failures
from torc_core.client.console import Part
from torc_core.client.job_changes import Which
from torc_core.errors import TorcError
from torc_core.models.console import Row
from torc_tui.actions import Action, Effect, Group, Place
from torc_tui.context import Context
from torc_tui.retrying import plan_retry
from torc_tui.screens.failures import FailuresScreen
from torc_tui.verbs.job import edit_jobs

HERE = frozenset({Place.FAILURES})

MOST = 10_000
"""So many jobs can be changed at once."""


async def _go(context: Context) -> None:
    if not isinstance(context.screen, FailuresScreen):
        await context.app.open(FailuresScreen(context.store))
        await context.app.caught_up()


def _unfold(wanted: bool) -> Effect:
    async def effect(context: Context) -> None:
        if isinstance(context.screen, FailuresScreen):
            context.screen.unfold(wanted)
            await context.app.caught_up()

    return effect


def _here(context: Context) -> str | None:
    return "they are on screen" if isinstance(context.screen, FailuresScreen) else None


def _some(context: Context) -> str | None:
    return None if context.things("job") else "nothing has failed"


async def _retry(context: Context) -> None:
    assert isinstance(context.screen, FailuresScreen)
    asked, what, several = context.screen.meant()
    plan = await plan_retry(context.store, asked, what, confirm=True if several else None)
    await context.carry_out(plan)


async def _edit(context: Context) -> None:
    """More memory for all that ran out of it, before it is retried."""
    assert isinstance(context.screen, FailuresScreen)
    rows = await _meant(context.screen)
    flows = {row["workflow_id"]: row["workflow"] for row in rows}
    if len(flows) > 1:
        raise TorcError(f"they are of {len(flows):,} workflows; '/' workflow=NAME leaves those of one")
    _, called, _ = context.screen.meant()
    await edit_jobs(context, Which(next(iter(flows)), ids=[row["id"] for row in rows]), called)


async def _meant(screen: FailuresScreen) -> list[Row]:
    """The jobs that are marked or under the cursor, all of a cause where that is. TorcError when there are none."""
    table, source = screen.table, screen.source
    numbers = list(table.marks) or ([table.cursor_row["id"]] if table.cursor_row else [])
    causes = {cause for number in numbers if number < 0 and (cause := source.cause_of(number))}
    singles: dict[str, list[str]] = {}
    for number in numbers:
        cause = source.cause_of(number)
        if number > 0 and cause is not None and cause not in causes:
            singles.setdefault(cause, []).append(str(number))
    wanted = dict.fromkeys(causes, table.view.filter)
    wanted |= {cause: f"id in ({', '.join(ids)})" for cause, ids in singles.items()}
    rows: list[Row] = []
    for cause, narrowed in wanted.items():
        page = await screen.store.ask(failures.failed_jobs(cause, Part(limit=MOST, filter=narrowed)))
        if page.total > MOST:
            raise TorcError(f"{page.total:,} jobs are over {MOST:,}; '/' leaves less")
        rows += page.items
    if not rows:
        raise TorcError("nothing has failed")
    return rows


ACTIONS = (
    Action("failures.retry", "retry", "Run the job again, all jobs of the cause, or all that is marked", "R", HERE,
           _retry, Group.ACT, True, _some, 15),
    Action("failures.edit", "resources", "Other cpus, memory, gpus or runtime for the job, or all of the cause", "e",
           HERE, _edit, Group.ACT, True, _some, 28),
    Action("failures.unfold", "jobs", "Show the jobs of a cause", "right", HERE, _unfold(True), Group.LOOK),
    Action("failures.fold", "hide jobs", "Hide the jobs of a cause", "left", HERE, _unfold(False), Group.LOOK),
    Action("failures.show", "failures", "What failed, over all workflows, by cause", "!",
           frozenset({Place.ANYWHERE}), _go, Group.LOOK, reason=_here, footer=60),
)  # fmt: skip
