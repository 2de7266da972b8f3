"""Other resources or another priority for many jobs of a workflow.

A requirement is changed in place when all its jobs are meant. When others use it too they keep it, and the jobs meant
get one of their own: nothing changes for a job that nobody named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from torc_core.models.job_changes import Requirement
from torc_server.engine.notes import note
from torc_server.errors import Invalid
from torc_server.store.batch import Batch, json_text

COLUMNS = ("num_cpus", "num_gpus", "num_nodes", "memory", "runtime", "memory_bytes", "runtime_s")
"""Of a requirement: those that say what is needed, with those computed from them."""

NEEDED = ("memory", "runtime")
"""What has to be said of jobs that asked for nothing: the built-in numbers are never enforced, others are."""


def requirements(conn: Connection, ids: Sequence[int], edit: Mapping[str, Any]) -> list[Requirement]:
    """The requirements of jobs and what an edit (column -> value) makes of them, most jobs first; nothing is changed.

    Invalid when jobs that asked for nothing are to have limits of which some are not said.
    """
    rows = conn.exec_driver_sql(
        "SELECT req.*, told.n, (SELECT count(*) FROM job WHERE resource_requirements_id = req.id) AS users FROM ("
        "  SELECT resource_requirements_id AS id, count(*) AS n FROM job"
        "  WHERE id IN (SELECT value FROM json_each(?)) GROUP BY 1"
        ") AS told JOIN resource_requirements AS req ON req.id = told.id ORDER BY told.n DESC, req.id",
        (json_text(list(ids)),),
    ).all()
    return [_requirement(conn, row, edit) for row in rows]


def _requirement(conn: Connection, row: Any, edit: Mapping[str, Any]) -> Requirement:
    told = Requirement(
        id=row.id,
        name=row.name,
        built_in=bool(row.is_default),
        now={name: getattr(row, name) for name in ("num_cpus", "num_gpus", "memory", "runtime")},
        jobs=row.n,
        others=row.users - row.n,
    )
    wanted = _wanted(row, edit)
    if all(getattr(row, name) == wanted[name] for name in COLUMNS):
        return told
    if told.built_in and (missing := [name for name in NEEDED if name not in edit]):
        raise Invalid(
            f"{told.jobs} of these jobs asked for nothing yet, and what they ask for is enforced: say"
            f" {' and '.join(missing)}, too",
            field=missing[0],
        )
    if not told.others and not told.built_in:
        told.becomes = told.name
        return told
    same = _same(conn, row.workflow_id, wanted)
    told.is_new = same is None
    told.becomes = _new_name(conn, row) if same is None else same[1]
    return told


def _wanted(row: Any, edit: Mapping[str, Any]) -> dict[str, Any]:
    return {name: edit.get(name, getattr(row, name)) for name in COLUMNS}


def _same(conn: Connection, workflow_id: int, wanted: Mapping[str, Any]) -> tuple[int, str] | None:
    """A requirement that somebody wrote and that says the same: id and name."""
    names = ("num_cpus", "num_gpus", "num_nodes", "memory_bytes", "runtime_s")
    found = conn.exec_driver_sql(
        "SELECT id, name FROM resource_requirements WHERE workflow_id = ? AND is_default = 0 AND "
        + " AND ".join(f"{name} = ?" for name in names)
        + " ORDER BY id LIMIT 1",
        (workflow_id, *(wanted[name] for name in names)),
    ).one_or_none()
    return (found[0], found[1]) if found else None


def _new_name(conn: Connection, row: Any) -> str:
    """`small` -> `small_2`, or the first number that is free."""
    taken = set(
        conn.exec_driver_sql(
            "SELECT name FROM resource_requirements WHERE workflow_id = ?", (row.workflow_id,)
        ).scalars()
    )
    base = "changed" if row.is_default else row.name
    if base not in taken:
        return str(base)
    number = 2
    while f"{base}_{number}" in taken:
        number += 1
    return f"{base}_{number}"


def change_requirements(
    batch: Batch, workflow_id: int, ids: Sequence[int], told: Sequence[Requirement], edit: Mapping[str, Any], user: str
) -> dict[int, int]:
    """Change what is changed in place, make what is new; returns old id -> new id of what jobs have to be given.

    `ids` are the jobs that are meant. Those that a runner has taken meanwhile keep theirs as it is.
    """
    moved: dict[int, int] = {}
    meant = batch.json(list(ids))
    for each in told:
        if each.becomes is None:
            continue
        row = batch.run("SELECT * FROM resource_requirements WHERE id = ?", each.id).one_or_none()
        if row is None:
            continue
        wanted = _wanted(row, edit)
        others = batch.run(
            "SELECT EXISTS (SELECT 1 FROM job WHERE resource_requirements_id = ?1"
            " AND (status IN (3, 4) OR id NOT IN (SELECT value FROM json_each(?2))))",
            each.id,
            meant,
        ).scalar_one()
        if not others and not each.built_in:
            sets = ", ".join(f"{name} = ?" for name in COLUMNS)
            batch.run(f"UPDATE resource_requirements SET {sets} WHERE id = ?", *wanted.values(), each.id)
            changed = each.id
        else:
            same = _same(batch.conn, workflow_id, wanted)
            changed = same[0] if same else _insert(batch, workflow_id, _new_name(batch.conn, row), wanted)
            moved[each.id] = changed
        note(
            batch, workflow_id, category="user_action", action="update_resource_requirements", user=user,
            resource_requirements_id=changed, jobs=each.jobs, **{name: wanted[name] for name in COLUMNS[:5]},
        )  # fmt: skip
        batch.log(workflow_id, "resource_requirements", id=changed)
    batch.wake_workflows.add(workflow_id)
    return moved


def _insert(batch: Batch, workflow_id: int, name: str, wanted: Mapping[str, Any]) -> int:
    columns = ", ".join(("workflow_id", "name", *COLUMNS))
    marks = ", ".join("?" * (len(COLUMNS) + 2))
    found = batch.run(
        f"INSERT INTO resource_requirements ({columns}) VALUES ({marks}) RETURNING id",
        workflow_id, name, *(wanted[column] for column in COLUMNS),
    )  # fmt: skip
    return int(found.scalar_one())


def edit_portion(
    batch: Batch, workflow_id: int, ids: Sequence[int], moved: Mapping[int, int], priority: int | None
) -> int:
    """Give jobs that no runner has their new requirement and priority; returns how many there are."""
    told = batch.json(list(ids))
    free = "id IN (SELECT value FROM json_each(?)) AND status NOT IN (3, 4)"
    for old, new in moved.items():
        batch.run(
            f"UPDATE job SET resource_requirements_id = ? WHERE resource_requirements_id = ? AND {free}", new, old, told
        )
    if priority is not None:
        batch.run(f"UPDATE job SET priority = ? WHERE {free}", priority, told)
    batch.log(workflow_id, "job")
    batch.wake_workflows.add(workflow_id)
    return int(batch.run(f"SELECT count(*) FROM job WHERE {free}", told).scalar_one())
