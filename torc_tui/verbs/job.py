"""Acting on jobs: cancel, retry, disable, enable, other resources; and why they wait.

What is meant is the job of the screen, the one under the cursor, those marked, or all that a filter leaves in.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from pathlib import Path

from torc_core.client import console, endpoints, failures
from torc_core.client.job_changes import Which, change_jobs, retry_jobs_of
from torc_core.errors import TorcError
from torc_tui import editor, job_changes
from torc_tui.actions import Action, Effect, Group, Place, Reason
from torc_tui.context import Context
from torc_tui.job_files import files_of
from torc_tui.plans import Plan
from torc_tui.rendering.job_view import why_title
from torc_tui.rendering.numbers import many, with_clocks
from torc_tui.retrying import plan_retry
from torc_tui.screens.chooser import Choice
from torc_tui.screens.edit_form import EditForm
from torc_tui.statuses import ACTIVE, ENDED, FAILED, WAITING
from torc_tui.store import Store

HERE = frozenset({Place.JOBS, Place.JOB})
FILES_OF = HERE | {Place.FAILURES}
ALSO_IN_LOG = HERE | {Place.LOG, Place.PLOT}

CAN_CANCEL = (*WAITING, *ACTIVE)
CAN_EDIT = (*WAITING, *ENDED, "disabled")


def _whole(context: Context) -> int | None:
    """How many are marked by a filter, when they are."""
    return context.table.whole.count if context.table and context.table.whole else None


def _reason(statuses: Collection[str], otherwise: str) -> Reason:
    """Needs a job in one of these statuses; of what is marked by a filter the server knows."""

    def reason(context: Context) -> str | None:
        if _whole(context):
            return None
        found = [thing.row.get("status") if thing.row else None for thing in context.things("job")]
        if not found:
            return "no job is meant"
        return None if any(status is None or status in statuses for status in found) else otherwise

    return reason


def _some(context: Context) -> str | None:
    return None if context.at_cursor("job") else "no job is meant"


def meant(context: Context) -> tuple[Which, str]:
    """The jobs that are meant, and what they are called in a sentence. TorcError: whose they are is not known yet."""
    flows = context.things("workflow")
    if not flows:
        raise TorcError("the job is still being asked for; try again")
    table = context.table
    if table and table.whole:
        whole = table.whole
        within = f" ({whole.filter})" if whole.filter else ""
        return Which(flows[0].id, filter=whole.terms), f"{many(whole.count, 'job')}{within}"
    things = context.things("job")
    called = f"job {things[0].name} ({things[0].id})" if len(things) == 1 else many(len(things), "job")
    return Which(flows[0].id, ids=[thing.id for thing in things]), called


Planner = Callable[[Store, Which, str], Awaitable[Plan]]


def _changing(planner: Planner) -> Effect:
    async def effect(context: Context) -> None:
        which, called = meant(context)
        await context.carry_out(await planner(context.store, which, called))

    return effect


async def _retry(context: Context) -> None:
    if context.things("workflow"):
        which, called = meant(context)
        asked = [lambda dry: retry_jobs_of(which, dry_run=dry)]
    else:
        things = context.things("job")
        ids, called = [thing.id for thing in things], f"job {things[0].name} ({things[0].id})"
        asked = [lambda dry: failures.retry_jobs(ids, dry_run=dry)]
    await context.carry_out(await plan_retry(context.store, asked, called))


async def _edit(context: Context) -> None:
    await edit_jobs(context, *meant(context))


async def edit_jobs(context: Context, which: Which, called: str) -> None:
    """Let the user say what jobs are to ask for from now on, and change that."""
    told = await context.store.ask(change_jobs(which, "edit", dry_run=True))
    if not told.jobs:
        running = any(told.left_out.values())
        raise TorcError("jobs that run keep what they have; cancel or wait first" if running else "no job has it")
    edit = await context.app.fill(EditForm(f"Resources of {called}", told))
    if edit is not None:
        await context.carry_out(await job_changes.plan_edit(context.store, which, called, edit))


async def _edit_requirement(context: Context) -> None:
    """All jobs that have it are meant, so that it is changed itself; those that run keep it as it is."""
    things, flows = context.things("requirement"), context.things("workflow")
    which = Which(flows[0].id, filter=f"requirements_id in ({', '.join(str(thing.id) for thing in things)})")
    called = things[0].name if len(things) == 1 else many(len(things), "requirement")
    await edit_jobs(context, which, f"jobs of {called}")


def _some_requirement(context: Context) -> str | None:
    return None if context.things("requirement") else "no requirement is meant"


async def _files(context: Context) -> None:
    """The files of a job; one is opened at once, unless it is not the job itself that is under the cursor."""
    thing = context.at_cursor("job")[0]
    detail = await context.store.ask(console.job_detail(thing.id))
    files = await asyncio.to_thread(files_of, detail)
    name = detail.job["name"]
    if not files:
        raise TorcError(f"{name} names no file that is here, in its command or as input or output")
    chosen: str | None = files[0].path
    if len(files) > 1 or thing.name != name:
        choices = [Choice(file.path, file.named, file.how) for file in files]
        chosen = await context.app.choose(f"Edit a file of {name}, workflow {detail.workflow_name}", choices)
    if chosen is None:
        return
    if not await asyncio.to_thread(os.path.isfile, chosen):
        raise TorcError(f"{chosen} is not on this machine, or not there yet")
    context.app.say(await editor.edit_and_tell(context.app, Path(chosen)))


async def _why(context: Context) -> None:
    thing = context.at_cursor("job")[0]
    told = await context.store.ask(endpoints.explain_job(thing.id))
    now = datetime.now()
    written = told.status in ENDED  # by the job itself
    details = told.details if written else [with_clocks(line, now) for line in told.details]
    await context.app.tell(why_title(thing.name, thing.id, told.status), [with_clocks(told.why, now), *details])


ACTIONS = (
    Action("job.cancel", "cancel", "Cancel: a running job is stopped, a waiting one becomes canceled", "x",
           ALSO_IN_LOG, _changing(job_changes.plan_cancel), Group.ACT, True,
           _reason(CAN_CANCEL, "it has ended already"), 20),
    Action("job.retry", "retry", "Run failed jobs again, in the same run, under the next attempt", "R",
           ALSO_IN_LOG, _retry, Group.ACT, True, _reason(FAILED, "it did not fail"), 15),
    Action("job.files", "files", "Edit a file that the job names, reads or writes ($VISUAL, $EDITOR)", "f", FILES_OF,
           _files, Group.ACT, False, _some, 27),
    Action("job.edit", "resources", "Other cpus, memory, gpus, runtime or priority for jobs that do not run", "e", HERE,
           _edit, Group.ACT, True, _reason(CAN_EDIT, "it runs, and keeps what it has"), 28),
    Action("requirement.edit", "change", "Other cpus, memory, gpus, runtime or priority for the jobs that have it", "e",
           frozenset({Place.REQUIREMENTS}), _edit_requirement, Group.ACT, True, _some_requirement, 10),
    Action("job.disable", "disable", "Disable waiting jobs: they do not run until enabled", "-", HERE,
           _changing(job_changes.plan_disable), Group.ACT, True, _reason(WAITING, "it does not wait")),
    Action("job.enable", "enable", "Enable disabled jobs", "+", HERE, _changing(job_changes.plan_enable), Group.ACT,
           True, _reason(("disabled",), "it is not disabled")),
    Action("job.why", "why", "Why a job waits, or how it ended", "w", HERE, _why, Group.LOOK, False, _some, 25),
)  # fmt: skip
