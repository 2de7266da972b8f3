"""Access control (server.md 7.9): who may use which workflow, asked before each request when it is enforced.

Stricter than torc: everything that belongs to a workflow, read or written, is for its owner and its groups.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from torc_server.auth import ANONYMOUS
from torc_server.engine import groups
from torc_server.errors import Forbidden, NotFound
from torc_server.store.database import Database

MOST = 10_000
"""Answers that are remembered; then they are asked anew."""

OWNED = {
    "jobs": ("job", "Job"),
    "files": ("file", "File"),
    "user_data": ("user_data", "User data"),
    "resource_requirements": ("resource_requirements", "Resource requirements"),
    "failure_handlers": ("failure_handler", "Failure handler"),
    "results": ("result", "Result"),
    "events": ("event", "Event"),
    "compute_nodes": ("compute_node", "Compute node"),
    "scheduled_compute_nodes": ("scheduled_compute_node", "Scheduled compute node"),
    "local_schedulers": ("local_scheduler", "Local scheduler"),
    "slurm_schedulers": ("slurm_scheduler", "Slurm scheduler"),
}
"""First part of a path -> table of what its id names, and how a refusal calls it."""


class Access:
    """Decides for users and workflows; remembers until something about groups or owners changes (`forget`)."""

    def __init__(self, db: Database, enforced: bool) -> None:
        self._db = db
        self.enforced = enforced
        self._known: dict[tuple[str, int], bool] = {}

    def forget(self) -> None:
        """Groups, their members or workflows, or owners have changed."""
        self._known.clear()

    def visible_to(self, user: str) -> str | None:
        """The user to whose workflows lists are limited; None: no limit."""
        return user if self.enforced else None

    async def require(self, user: str, workflow_id: int) -> None:
        """NotFound for an unknown workflow, Forbidden for one that the user may not use."""
        if not self.enforced:
            return
        if user == ANONYMOUS:
            raise Forbidden("Anonymous access not allowed when access control is enabled", error="Forbidden")
        key = (user, workflow_id)
        if key not in self._known:
            allowed = await self._db.read(_decide, user, workflow_id)
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[key] = allowed
        if not self._known[key]:
            raise Forbidden(f"User '{user}' does not have access to workflow {workflow_id}", error="Forbidden")

    async def require_row(self, user: str, kind: str, row_id: int) -> None:
        """`require` for the workflow that a row belongs to; `kind` is the first part of its path."""
        table, label = OWNED[kind]
        workflow_id = await self._db.read(_owner, table, row_id)
        if workflow_id is None:
            raise NotFound(f"{label} not found with ID: {row_id}", error="NotFound")
        await self.require(user, workflow_id)

    async def require_body(self, user: str, body: Any) -> None:
        """`require` for the workflow that a body names, or each that those in its list name."""
        if not self.enforced:
            return
        named = [getattr(each, "workflow_id", None) for each in (body, *(getattr(body, "jobs", None) or ()))]
        for workflow_id in {each for each in named if each is not None}:
            await self.require(user, workflow_id)

    def require_name(self, user: str) -> None:
        """Forbidden for somebody without a name."""
        if self.enforced and user == ANONYMOUS:
            raise Forbidden("Anonymous access not allowed when access control is enabled", error="Forbidden")

    def require_system_admin(self, conn: Connection, user: str) -> None:
        """Forbidden unless the user administers the server."""
        if not self.enforced:
            return
        _named_admin(user)
        if not groups.is_system_admin(conn, user):
            raise Forbidden(f"User '{user}' is not a system administrator", error="Forbidden")

    def require_group_admin(self, conn: Connection, user: str, group_id: int) -> None:
        """Forbidden unless the user administers the group or the server."""
        if not self.enforced:
            return
        _named_admin(user)
        if not groups.is_group_admin(conn, user, group_id):
            raise Forbidden(f"User '{user}' is not an admin of group {group_id}", error="Forbidden")

    def require_owner(self, conn: Connection, user: str, workflow_id: int, group_id: int) -> None:
        """Forbidden unless the user owns the workflow, or administers the group or the server."""
        owner = conn.exec_driver_sql("SELECT user FROM workflow WHERE id = ?", (workflow_id,)).scalar()
        if user != owner or user == ANONYMOUS:
            self.require_group_admin(conn, user, group_id)


def _named_admin(user: str) -> None:
    if user == ANONYMOUS:
        raise Forbidden("Anonymous access not allowed for admin operations", error="Forbidden")


def _decide(conn: Connection, user: str, workflow_id: int) -> bool:
    known = conn.exec_driver_sql("SELECT 1 FROM workflow WHERE id = ? AND state = 'visible'", (workflow_id,))
    if known.one_or_none() is None:
        raise groups.workflow_missing(workflow_id)
    return groups.may_use(conn, user, workflow_id)


def _owner(conn: Connection, table: str, row_id: int) -> int | None:
    found: int | None = conn.exec_driver_sql(f"SELECT workflow_id FROM {table} WHERE id = ?", (row_id,)).scalar()
    return found
