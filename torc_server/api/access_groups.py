"""Access groups, their members and their workflows (server.md 1.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Connection

from torc_core.models.resources import AccessGroup, GroupMembership, WorkflowAccessGroup
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.parameters import MAX_LIMIT
from torc_server.api.resources import Wire
from torc_server.api.routes import delete, get, post
from torc_server.engine import groups
from torc_server.errors import Forbidden, Invalid, NotFound
from torc_server.store.batch import Batch


class GroupPage(msgspec.Struct, kw_only=True):
    """A page; a negative limit means all."""

    offset: int = 0
    limit: int = MAX_LIMIT


_GROUP = "access_group.id, name, description, access_group.created_at"
_MEMBER = "id, user_name, group_id, role, created_at"
_LINK = "workflow_id, group_id, created_at"


def _wire(row: Any) -> Wire:
    return {name: value for name, value in row._mapping.items() if value is not None}


def _page(conn: Connection, ask: GroupPage, columns: str, rest: str, *values: Any) -> Wire:
    """A page of rows in the envelope of groups (server.md 0.2)."""
    if ask.limit > MAX_LIMIT:
        raise Invalid(f"limit {ask.limit} is over {MAX_LIMIT}; ask for pages with offset")
    if ask.offset < 0:
        raise Invalid(f"offset {ask.offset} must not be negative")
    source, _, order = rest.partition(" ORDER BY ")
    total = conn.exec_driver_sql(f"SELECT count(*) {source}", values).scalar_one()
    rows = conn.exec_driver_sql(
        f"SELECT {columns} {source} ORDER BY {order} LIMIT ? OFFSET ?", (*values, ask.limit, ask.offset)
    )
    items = [_wire(row) for row in rows]
    more = ask.offset + len(items) < total
    return {"items": items, "offset": ask.offset, "limit": ask.limit, "total_count": total, "has_more": more}


def group_row(conn: Connection, group_id: int) -> Wire:
    """One group. NotFound."""
    row = conn.exec_driver_sql(f"SELECT {_GROUP} FROM access_group WHERE id = ?", (group_id,)).one_or_none()
    if row is None:
        raise groups.group_missing(group_id)
    return _wire(row)


def members(conn: Connection, group_id: int, ask: GroupPage) -> Wire:
    """A page of the members of a group by name. NotFound."""
    groups.is_system(conn, group_id)
    rest = "FROM user_group_membership WHERE group_id = ? ORDER BY user_name"
    return _page(conn, ask, _MEMBER, rest, group_id)


def groups_of_workflow(conn: Connection, workflow_id: int, ask: GroupPage) -> Wire:
    """A page of the groups that may use a workflow. NotFound."""
    _known_workflow(conn, workflow_id)
    rest = (
        "FROM access_group JOIN workflow_access_group AS link ON link.group_id = access_group.id"
        " WHERE link.workflow_id = ? ORDER BY name"
    )
    return _page(conn, ask, _GROUP, rest, workflow_id)


def _known_workflow(conn: Connection, workflow_id: int) -> None:
    known = conn.exec_driver_sql("SELECT 1 FROM workflow WHERE id = ? AND state = 'visible'", (workflow_id,))
    if known.one_or_none() is None:
        raise groups.workflow_missing(workflow_id)


async def _change(request: Call, work: Callable[[Batch], Wire]) -> Answer:
    """Change something about groups; what was known of access is forgotten."""
    answer = await request.db.write(work)
    request.server.access.forget()
    return json_answer(answer)


@post("/access_groups", body=AccessGroup, answer=AccessGroup)
async def create_group(request: Call) -> Answer:
    """Add a group; for administrators when access control is enforced."""
    body, user = await request.told(AccessGroup), request.caller

    def work(batch: Batch) -> Wire:
        request.server.access.require_system_admin(batch.conn, user)
        return group_row(batch.conn, groups.create_group(batch, body.name, body.description))

    return await _change(request, work)


@get("/access_groups", query=GroupPage)
async def list_groups(request: Call) -> Answer:
    """A page of groups by name."""
    ask = request.ask(GroupPage)
    return json_answer(await request.db.read(_page, ask, _GROUP, "FROM access_group ORDER BY name"))


@get("/access_groups/{id:str}", answer=AccessGroup)
async def get_group(request: Call) -> Answer:
    """One group."""
    return json_answer(await request.db.read(group_row, request.number()))


@delete("/access_groups/{id:str}", answer=AccessGroup)
async def delete_group(request: Call) -> Answer:
    """Delete a group; for administrators when access control is enforced, and never the server's own."""
    group_id, user = request.number(), request.caller

    def work(batch: Batch) -> Wire:
        request.server.access.require_system_admin(batch.conn, user)
        gone = group_row(batch.conn, group_id)
        groups.delete_group(batch, group_id)
        return gone

    return await _change(request, work)


@post("/access_groups/{id:str}/members", body=GroupMembership, answer=GroupMembership)
async def create_member(request: Call) -> Answer:
    """Put a user into a group; for its administrators when access control is enforced."""
    group_id, user = request.number(), request.caller
    body = await request.told(GroupMembership)

    def work(batch: Batch) -> Wire:
        _may_change_members(request, batch.conn, user, group_id)
        row_id = groups.add_member(batch, group_id, body.user_name, body.role)
        return _wire(batch.run(f"SELECT {_MEMBER} FROM user_group_membership WHERE id = ?", row_id).one())

    return await _change(request, work)


@get("/access_groups/{id:str}/members", query=GroupPage)
async def list_members(request: Call) -> Answer:
    """A page of the members of a group by name."""
    return json_answer(await request.db.read(members, request.number(), request.ask(GroupPage)))


@delete("/access_groups/{id:str}/members/{user_name:str}", answer=GroupMembership)
async def delete_member(request: Call) -> Answer:
    """Take a user out of a group."""
    group_id, member, user = request.number(), request.path_params["user_name"], request.caller

    def work(batch: Batch) -> Wire:
        if request.server.access.enforced:
            _may_change_members(request, batch.conn, user, group_id)
        row = batch.run(
            f"DELETE FROM user_group_membership WHERE group_id = ? AND user_name = ? RETURNING {_MEMBER}",
            group_id,
            member,
        ).one_or_none()
        if row is None:
            raise NotFound(f"Membership not found for user '{member}' in group {group_id}", error="NotFound")
        return _wire(row)

    return await _change(request, work)


def _may_change_members(request: Call, conn: Connection, user: str, group_id: int) -> None:
    access = request.server.access
    system = groups.is_system(conn, group_id)
    access.require_group_admin(conn, user, group_id)
    if system and access.enforced:
        raise Forbidden("Admin group membership is managed via server configuration", error="Forbidden")


@get("/users/{user_name:str}/groups", query=GroupPage)
async def list_groups_of_user(request: Call) -> Answer:
    """A page of the groups of a user by name."""
    rest = (
        "FROM access_group JOIN user_group_membership AS member ON member.group_id = access_group.id"
        " WHERE member.user_name = ? ORDER BY name"
    )
    ask, user = request.ask(GroupPage), request.path_params["user_name"]
    return json_answer(await request.db.read(_page, ask, _GROUP, rest, user))


@post("/workflows/{id:str}/access_groups/{group_id:str}", answer=WorkflowAccessGroup)
async def create_link(request: Call) -> Answer:
    """Let a group use a workflow; for its owner and the group's administrators when access control is enforced."""
    workflow_id, group_id, user = request.number(), request.number("group_id"), request.caller

    def work(batch: Batch) -> Wire:
        _known_workflow(batch.conn, workflow_id)
        groups.is_system(batch.conn, group_id)
        request.server.access.require_owner(batch.conn, user, workflow_id, group_id)
        groups.link(batch, workflow_id, group_id)
        sql = f"SELECT {_LINK} FROM workflow_access_group WHERE workflow_id = ? AND group_id = ?"
        return _wire(batch.run(sql, workflow_id, group_id).one())

    return await _change(request, work)


@get("/workflows/{id:str}/access_groups", query=GroupPage)
async def list_groups_of_workflow(request: Call) -> Answer:
    """A page of the groups that may use a workflow."""
    return json_answer(await request.db.read(groups_of_workflow, request.number(), request.ask(GroupPage)))


@delete("/workflows/{id:str}/access_groups/{group_id:str}", answer=WorkflowAccessGroup)
async def delete_link(request: Call) -> Answer:
    """Let a group no longer use a workflow."""
    workflow_id, group_id, user = request.number(), request.number("group_id"), request.caller

    def work(batch: Batch) -> Wire:
        request.server.access.require_owner(batch.conn, user, workflow_id, group_id)
        row = batch.run(
            f"DELETE FROM workflow_access_group WHERE workflow_id = ? AND group_id = ? RETURNING {_LINK}",
            workflow_id,
            group_id,
        ).one_or_none()
        if row is None:
            raise NotFound(f"Association not found for workflow {workflow_id} in group {group_id}", error="NotFound")
        return _wire(row)

    return await _change(request, work)


@get("/access_check/{workflow_id:str}/{user_name:str}")
async def check_access(request: Call) -> Answer:
    """Whether a user may use a workflow, were access control enforced."""
    workflow_id, user = request.number("workflow_id"), request.path_params["user_name"]
    found = await request.db.read(groups.may_use, user, workflow_id)
    return json_answer({"has_access": found, "user_name": user, "workflow_id": workflow_id})


HANDLERS = [
    create_group, list_groups, get_group, delete_group, create_member, list_members, delete_member,
    list_groups_of_user, create_link, list_groups_of_workflow, delete_link, check_access,
]  # fmt: skip
