"""The user's own server: start, stop, restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from torc_tui.actions import Action, Group, Place
from torc_tui.connect import OwnServer
from torc_tui.context import Context
from torc_tui.plans import Plan
from torc_tui.rendering.numbers import many
from torc_tui.screens.server import ServerScreen
from torc_tui.store import State

HERE = frozenset({Place.SERVER})
NOT_OWN = "it was given by --url; it is started and stopped where it runs"


def _own(context: Context) -> OwnServer | None:
    connector = context.app.connector
    return connector if isinstance(connector, OwnServer) else None


def _live(context: Context) -> bool:
    return context.store.connection.state is State.LIVE


def _down(context: Context) -> str | None:
    return NOT_OWN if _own(context) is None else "it runs already" if _live(context) else None


def _up(context: Context) -> str | None:
    return NOT_OWN if _own(context) is None else None if _live(context) else "it does not run"


async def _start(context: Context) -> None:
    own = _own(context)
    assert own is not None
    await asyncio.to_thread(own.start)
    context.app.say("the server runs")


async def _change(context: Context, verb: str, work: Callable[[OwnServer], object], done: str) -> None:
    own = _own(context)
    assert own is not None
    info = context.screen.info if isinstance(context.screen, ServerScreen) else None
    busy = info.active_nodes if info else 0
    at_work = f"{many(busy, 'runner')} {'is' if busy == 1 else 'are'} at work"
    lines = [f"{at_work}: their jobs go on, and results are told when it is back."] if busy else []
    if busy and verb == "Stop":
        lines.append("A 'torc run' that follows them in a shell starts it again.")

    async def apply() -> str:
        await asyncio.to_thread(work, own)
        return done

    await context.app.carry_out(Plan(f"{verb} the server?", lines, f"{verb} it", apply, confirm=busy > 0))


async def _stop(context: Context) -> None:
    await _change(context, "Stop", OwnServer.stop, "the server has stopped; s starts it")


async def _restart(context: Context) -> None:
    await _change(context, "Restart", OwnServer.restart, "the server was restarted")


ACTIONS = (
    Action("server.start", "start", "Start your own server", "s", HERE, _start, Group.ACT, True, _down, 10),
    Action("server.stop", "stop", "Stop your own server; nothing starts it again but you, or a 'torc run' at work", "x",
           HERE, _stop, Group.ACT, True, _up, 20),
    Action("server.restart", "restart", "Stop your own server and start it again", "R", HERE, _restart, Group.ACT,
           True, _up, 30),
)  # fmt: skip
