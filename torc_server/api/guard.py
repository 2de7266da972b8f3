"""Before a request is handled, when access control is enforced: may the caller use the workflow that it is about?

What the path and the query name is looked at here; what a body names, where it is read (`call.py`). Lists over several
workflows limit themselves.
"""

from __future__ import annotations

from typing import Any

from torc_server.access import OWNED
from torc_server.api.call import Call
from torc_server.api.front import BASE
from torc_server.api.parameters import EMPTY, first_values, integer


async def guard(request: Any) -> None:
    """Raises Forbidden or NotFound; nothing when the handler may go on."""
    call: Call = request
    kind, name, more = _parts(call.scope["path"].removeprefix(BASE + "/").removeprefix("console/"))
    access, user = call.server.access, call.caller
    if kind == "workflows":
        if name is None or name == "from_plan":
            if call.scope["method"] != "GET":
                access.require_name(user)
        elif (workflow_id := _integer(name)) is not None and not _changes_groups(call, more):
            await access.require(user, workflow_id)
    elif kind in OWNED and name is not None:
        if (row_id := _integer(name)) is not None:
            await access.require_row(user, kind, row_id)
    elif kind in OWNED or kind == "changes":
        told = first_values(call.scope).get("workflow_id")
        if told is not None and (workflow_id := _integer(told)) is not None:
            await access.require(user, workflow_id)


def _parts(path: str) -> tuple[str, str | None, str]:
    """First part of a path, second (None: there is none), and the rest."""
    first, _, rest = path.partition("/")
    second, _, more = rest.partition("/")
    return first, second if second not in ("", EMPTY) else None, more


def _changes_groups(call: Call, more: str) -> bool:
    """Sharing has rules of its own (`access_groups.py`): an admin of a group need not have access yet."""
    return more.startswith("access_groups/") and call.scope["method"] in ("POST", "DELETE")


def _integer(text: str) -> int | None:
    try:
        return integer(text)
    except ValueError:
        return None  # the handler says what is wrong with it
