"""Ping, version, and what this server is (server.md 1.1; `/server` is this server's own)."""

from __future__ import annotations

import os
import time

from torc_core import API_VERSION, VERSION
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.routes import document, get

_VERSION_HEADER = ((b"x-torc-server", VERSION.encode()),)


@get("/ping")
async def ping(request: Call) -> Answer:  # noqa: ARG001
    """Answers without looking at the database."""
    return json_answer({"status": "ok"})


@get("/version")
async def version(request: Call) -> Answer:  # noqa: ARG001
    """torc's version that clients check, and in brackets and in the header X-Torc-Server this server's own."""
    return json_answer(f"{API_VERSION} (python-{VERSION})", headers=_VERSION_HEADER)


@get("/server")
async def server_info(request: Call) -> Answer:
    """The process, its version, its database, and how busy it is."""
    server = request.server
    return json_answer(
        {
            "pid": os.getpid(),
            "version": VERSION,
            "database": str(server.settings.database),
            "database_uuid": server.db.uuid,
            "uptime_s": round(time.monotonic() - server.started, 3),
            "open_requests": server.activity.open - 1,
            "active_nodes": len(server.runners.nodes.by_id),
            "idle_exit_s": server.settings.idle_exit_s,
        }
    )


@get("/openapi.json")
async def openapi(request: Call) -> Answer:
    """This interface, described for programs."""
    return json_answer(document(request.app))


HANDLERS = [ping, version, server_info, openapi]
