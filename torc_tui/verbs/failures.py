"""What failed: going there from anywhere, unfolding causes, retrying one job or all of a cause."""

from __future__ import annotations

from torc_tui.actions import Action, Effect, Group, Place
from torc_tui.context import Context
from torc_tui.retrying import plan_retry
from torc_tui.screens.failures import FailuresScreen

HERE = frozenset({Place.FAILURES})


async def _go(context: Context) -> None:
    if not isinstance(context.screen, FailuresScreen):
        await context.app.open(FailuresScreen(context.store))


def _unfold(wanted: bool) -> Effect:
    def effect(context: Context) -> None:
        if isinstance(context.screen, FailuresScreen):
            context.screen.unfold(wanted)

    return effect


def _here(context: Context) -> str | None:
    return "they are on screen" if isinstance(context.screen, FailuresScreen) else None


def _some(context: Context) -> str | None:
    return None if context.things("job") else "nothing has failed"


async def _retry(context: Context) -> None:
    assert isinstance(context.screen, FailuresScreen)
    asked, what, several = context.screen.meant()
    plan = await plan_retry(context.store, asked, what, confirm=True if several else None)
    await context.app.carry_out(plan)
    context.screen.table.clear_marks()


ACTIONS = (
    Action("failures.retry", "retry", "Run the job again, all jobs of the cause, or all that is marked", "R", HERE,
           _retry, Group.ACT, True, _some, 15),
    Action("failures.unfold", "jobs", "Show the jobs of a cause", "right", HERE, _unfold(True), Group.LOOK),
    Action("failures.fold", "hide jobs", "Hide the jobs of a cause", "left", HERE, _unfold(False), Group.LOOK),
    Action("failures.show", "failures", "What failed, over all workflows, by cause", "!",
           frozenset({Place.ANYWHERE}), _go, Group.LOOK, reason=_here, footer=60),
)  # fmt: skip
