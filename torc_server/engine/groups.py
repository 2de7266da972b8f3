"""Access groups: who is in them, and which workflows they may use (server.md 1.9, 7.8, 7.9)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from torc_server.errors import Conflict, Forbidden, Invalid, NotFound
from torc_server.store.batch import Batch

ADMIN = "admin"
"""The system group: its members are named by the server's configuration."""

ROLES = ("member", "admin")

VISIBLE = """
SELECT workflow.id FROM (SELECT ? AS name) AS me JOIN workflow ON workflow.user = me.name OR workflow.id IN (
  SELECT link.workflow_id FROM workflow_access_group AS link
  JOIN user_group_membership AS member ON member.group_id = link.group_id WHERE member.user_name = me.name)
"""
"""Ids of the workflows that a user may use: those owned, and those of the user's groups."""


def sync_admins(batch: Batch, users: Iterable[str]) -> None:
    """At start: the admin group exists, and has these members and no others."""
    group = batch.run(
        "INSERT INTO access_group (name, description, is_system) VALUES (?, 'System administrators', 1)"
        " ON CONFLICT (name) DO UPDATE SET is_system = 1 RETURNING id",
        ADMIN,
    ).scalar_one()
    named = batch.json(list(dict.fromkeys(users)))
    batch.run(
        "DELETE FROM user_group_membership WHERE group_id = ? AND user_name NOT IN (SELECT value FROM json_each(?))",
        group,
        named,
    )
    batch.run(
        "INSERT INTO user_group_membership (user_name, group_id, role) SELECT value, ?, 'admin' FROM json_each(?)"
        " WHERE true ON CONFLICT (user_name, group_id) DO UPDATE SET role = 'admin'",
        group,
        named,
    )


def may_use(conn: Connection, user: str, workflow_id: int) -> bool:
    """Whether a user owns a workflow or is in one of its groups; False for an unknown one."""
    row = conn.exec_driver_sql(
        f"SELECT 1 FROM workflow WHERE id = ?1 AND state = 'visible' AND id IN ({VISIBLE.replace('?', '?2')})",
        (workflow_id, user),
    )
    return row.one_or_none() is not None


def is_system_admin(conn: Connection, user: str) -> bool:
    """Whether a user is in the admin group."""
    row = conn.exec_driver_sql(
        "SELECT 1 FROM user_group_membership JOIN access_group ON access_group.id = group_id"
        " WHERE user_name = ? AND is_system = 1 LIMIT 1",
        (user,),
    )
    return row.one_or_none() is not None


def is_group_admin(conn: Connection, user: str, group_id: int) -> bool:
    """Whether a user may change who is in a group."""
    row = conn.exec_driver_sql(
        "SELECT 1 FROM user_group_membership WHERE user_name = ? AND group_id = ? AND role = 'admin'", (user, group_id)
    )
    return row.one_or_none() is not None or is_system_admin(conn, user)


def group_missing(group_id: int) -> NotFound:
    """The refusal for a group that does not exist."""
    return NotFound(f"Group not found with ID: {group_id}", error="NotFound")


def workflow_missing(workflow_id: int) -> NotFound:
    """The refusal for a workflow that does not exist."""
    return NotFound(f"Workflow not found with ID: {workflow_id}", error="NotFound")


def is_system(conn: Connection, group_id: int) -> bool:
    """Whether a group belongs to the server. NotFound."""
    row = conn.exec_driver_sql("SELECT is_system FROM access_group WHERE id = ?", (group_id,)).one_or_none()
    if row is None:
        raise group_missing(group_id)
    return bool(row[0])


def create_group(batch: Batch, name: str, description: str | None) -> int:
    """Add a group; returns its id. Invalid (no name), Conflict (name taken)."""
    if not name.strip():
        raise Invalid("a group needs a name", field="name")
    if batch.run("SELECT 1 FROM access_group WHERE name = ?", name).one_or_none():
        raise Conflict(f"Group '{name}' already exists", error="Conflict")
    sql = "INSERT INTO access_group (name, description) VALUES (?, ?) RETURNING id"
    return int(batch.run(sql, name, description).scalar_one())


def delete_group(batch: Batch, group_id: int) -> None:
    """Delete a group; its workflows are not shared by it any more. NotFound, Forbidden (system group)."""
    if is_system(batch.conn, group_id):
        raise Forbidden("Cannot delete system groups", error="Forbidden")
    batch.run("DELETE FROM access_group WHERE id = ?", group_id)


def add_member(batch: Batch, group_id: int, user: str, role: str | None) -> int:
    """Put a user into a group; returns the id of the membership. NotFound, Invalid, Conflict (is in it)."""
    is_system(batch.conn, group_id)
    if role not in (None, *ROLES):
        raise Invalid(f"role {role!r} is unknown; one of {', '.join(ROLES)}", field="role")
    if not user:
        raise Invalid("a member needs a user_name", field="user_name")
    sql = "SELECT 1 FROM user_group_membership WHERE user_name = ? AND group_id = ?"
    if batch.run(sql, user, group_id).one_or_none():
        raise Conflict(f"User '{user}' is already a member of group {group_id}", error="Conflict")
    sql = "INSERT INTO user_group_membership (user_name, group_id, role) VALUES (?, ?, ?) RETURNING id"
    return int(batch.run(sql, user, group_id, role or "member").scalar_one())


def link(batch: Batch, workflow_id: int, group_id: int) -> None:
    """Let a group use a workflow. Conflict when it may already."""
    sql = "SELECT 1 FROM workflow_access_group WHERE workflow_id = ? AND group_id = ?"
    if batch.run(sql, workflow_id, group_id).one_or_none():
        raise Conflict(f"Workflow {workflow_id} is already associated with group {group_id}", error="Conflict")
    batch.run("INSERT INTO workflow_access_group (workflow_id, group_id) VALUES (?, ?)", workflow_id, group_id)
