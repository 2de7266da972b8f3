"""The application: every route, what happens at start and end (design: section 1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.types import ControllerRouterHandler

from torc_core import VERSION
from torc_core.crash import crash_point
from torc_server.access import Access
from torc_server.api import (
    access_groups,
    actions,
    answers,
    changes,
    console,
    console_nodes,
    control,
    dependency_graph,
    event_stream,
    events,
    exchange,
    failure_handlers,
    failures,
    files,
    graph,
    job_changes,
    job_output,
    jobs,
    nodes,
    plans,
    reinitialize,
    remote_workers,
    requirements,
    results,
    samples,
    schedulers,
    service,
    timeline,
    user_data,
    workflows,
)
from torc_server.api.call import Call, Server
from torc_server.api.front import Activity, FrontDoor
from torc_server.api.guard import guard
from torc_server.auth import Authenticator, Everybody, Registered, TokenHolders
from torc_server.broadcast import Broadcast
from torc_server.changes import Changes, prune
from torc_server.deaths import Deaths
from torc_server.engine.create import hide_half_created
from torc_server.engine.exchange import Runners
from torc_server.engine.groups import sync_admins
from torc_server.engine.serve import Fairness
from torc_server.gradual import Gradual
from torc_server.samples import Samples
from torc_server.settings import Settings
from torc_server.store.database import Database

MODULES = (
    service, workflows, control, graph, plans, jobs, files, user_data, requirements, results, events, nodes, exchange,
    changes, console, failure_handlers, schedulers, remote_workers, actions, event_stream, access_groups, failures,
    job_output, job_changes, samples, reinitialize, console_nodes, dependency_graph,
    timeline,
)  # fmt: skip

ROUTES: list[ControllerRouterHandler] = [handler for module in MODULES for handler in module.HANDLERS]


log = logging.getLogger("torc_server")

PRUNE_S = 3600
"""How often changes that are too old are forgotten."""


def create_app(settings: Settings) -> Litestar:
    """The server's application; opens the database. TorcError when it cannot be used."""
    db = Database(settings.database)
    runners = Runners(db.writer, lease_s=settings.lease_s, fairness=Fairness(settings.starvation_s))
    server = Server(
        settings,
        db,
        runners,
        Changes(db),
        Deaths(runners.died),
        Activity(),
        Gradual(db),
        Broadcast(db.writer),
        Access(db, settings.enforce_access_control),
        Samples(runners.hurry),
    )
    app = Litestar(
        route_handlers=ROUTES,
        request_class=Call,
        request_max_body_size=None,  # plans are streamed, and torc has no limit (server.md 0)
        exception_handlers=answers.HANDLERS,
        before_request=guard if settings.enforce_access_control else None,
        lifespan=[_life],
        state=State({"server": server}),
        openapi_config=OpenAPIConfig(title="torc", version=VERSION),  # served by api/service.py
        logging_config=None,
    )
    app.asgi_handler = FrontDoor(app.asgi_handler, _authenticator(settings), server.activity)
    return app


def _authenticator(settings: Settings) -> Authenticator:
    if settings.auth_file is not None:
        return Registered(settings.auth_file, settings.require_auth, settings.credential_cache_ttl_s)
    return Everybody() if settings.token is None else TokenHolders(settings.token)


@asynccontextmanager
async def _life(app: Litestar) -> AsyncIterator[None]:
    server: Server = app.state.server
    db = server.db
    db.writer.exchanges = server.runners
    await db.read(server.runners.load)
    server.changes.attach()
    server.broadcast.attach()
    db.writer.start()
    await db.write(hide_half_created)
    await db.write(sync_admins, server.settings.admin_users)
    crash_point("server.start.hidden")
    for node_id, pid, space in await db.read(nodes.active_runners):
        server.deaths.watch(node_id, pid, space)
    keeping = asyncio.create_task(_keep_house(server))
    try:
        yield
    finally:
        keeping.cancel()
        server.close()
        server.deaths.close()
        db.close()


async def _keep_house(server: Server) -> None:
    """Finish what the last server had begun, then forget old changes, now and every hour."""
    await server.gradual.resume()
    while True:
        try:
            while await server.db.write(prune):
                pass
        except Exception:  # a full disk or queue: the next round tries again
            log.warning("old changes were not forgotten; it is tried again", exc_info=True)
        await asyncio.sleep(PRUNE_S)
