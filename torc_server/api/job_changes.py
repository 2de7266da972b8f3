"""Changing many jobs of a workflow in one request, by their ids or by a filter of its table of jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from torc_core.models.job_changes import ChangeAsked, ChangeTold, JobEdit
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.console_tables import JOBS
from torc_server.api.parameters import MAX_LIMIT
from torc_server.api.requirements import NewRequirements, checked
from torc_server.api.routes import post
from torc_server.engine import edit_many
from torc_server.engine.change_many import PORTION, PORTIONS, Change, Scope, scope
from torc_server.errors import Invalid
from torc_server.store.batch import json_text

RESOURCES = ("num_cpus", "num_gpus", "memory", "runtime")


def _asked(conn: Connection, workflow_id: int, ask: ChangeAsked) -> list[int]:
    if ask.ids is not None:
        return ask.ids
    return JOBS.ids(conn, [workflow_id], ask.filter or "")


def _look(conn: Connection, workflow_id: int, ask: ChangeAsked, change: Change, edit: dict[str, Any]) -> Scope:
    found = scope(conn, workflow_id, _asked(conn, workflow_id, ask), change)
    if change is Change.EDIT:
        found.told.requirements = edit_many.requirements(conn, found.ids, edit)
        found.told.priorities = _priorities(conn, found.ids)
    return found


def _priorities(conn: Connection, ids: Sequence[int]) -> list[int]:
    low, high = conn.exec_driver_sql(
        "SELECT min(priority), max(priority) FROM job WHERE id IN (SELECT value FROM json_each(?))",
        (json_text(list(ids)),),
    ).one()
    return [] if low is None else [low] if low == high else [low, high]


def _columns(edit: JobEdit | None) -> dict[str, Any]:
    """Columns of a requirement that an edit sets. Invalid names the field and its value."""
    said = {name: value for name in RESOURCES if (value := getattr(edit, name, None)) is not None}
    row = checked(NewRequirements(workflow_id=0, name="", **said))
    computed = {"memory": "memory_bytes", "runtime": "runtime_s"}
    return said | {computed[name]: row[computed[name]] for name in said if name in computed}


def _change(ask: ChangeAsked) -> Change:
    try:
        return Change(ask.change)
    except ValueError:
        known = ", ".join(change.value for change in Change)
        raise Invalid(f"change {ask.change!r} is unknown; one of {known}", field="change", value=ask.change) from None


def _portions(ids: Sequence[int], *, backwards: bool) -> Iterator[Sequence[int]]:
    starts = range(0, len(ids), PORTION)
    for first in reversed(starts) if backwards else starts:
        yield ids[first : first + PORTION]


@post("/console/workflows/{id:str}/change_jobs", body=ChangeAsked, answer=ChangeTold)
async def post_change_jobs(request: Call) -> Answer:
    """Cancel, disable, enable or edit jobs of a workflow, portion by portion; `dry_run` only says what that does."""
    workflow_id, ask = request.number(), await request.told(ChangeAsked)
    change, edit = _change(ask), _columns(ask.edit)
    if ask.ids is None and ask.filter is None:
        raise Invalid("which jobs? Give ids, or a filter; an empty one means all")
    if ask.ids is not None and len(ask.ids) > MAX_LIMIT:
        raise Invalid(f"{len(ask.ids)} ids are over {MAX_LIMIT}; say filter instead", field="ids")
    priority = ask.edit.priority if ask.edit else None
    if change is Change.EDIT and not ask.dry_run and not edit and priority is None:
        raise Invalid("nothing to change: say num_cpus, num_gpus, memory, runtime or priority", field="edit")
    found = await request.db.read(_look, workflow_id, ask, change, edit)
    answer = found.told
    if ask.dry_run or not found.ids:
        return json_answer(answer)
    answer.jobs = 0
    if change is Change.EDIT:
        moved = await request.db.write(
            edit_many.change_requirements, workflow_id, found.ids, answer.requirements, edit, request.caller
        )
        for ids in _portions(found.ids, backwards=False):
            answer.jobs += await request.db.write(edit_many.edit_portion, workflow_id, ids, moved, priority)
    else:
        # What is below first: a job that is told of its parent's end is not met again by a later portion.
        for ids in _portions(found.ids, backwards=change is not Change.ENABLE):
            answer.jobs += await request.db.write(PORTIONS[change], ids)
    return json_answer(answer)


HANDLERS = [post_change_jobs]
