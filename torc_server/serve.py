"""The running server: uvicorn, told when to stop by signals or by idleness."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn

from torc_server.api.call import Server
from torc_server.app import create_app
from torc_server.owner import OwnerLock
from torc_server.settings import Settings
from torc_server.store.place import network_file_system

log = logging.getLogger("torc_server")

KEEP_ALIVE_S = 75
"""How long an unused connection stays open: longer than clients keep theirs, so that none is closed under a request."""

GRACE_S = 5
"""How long requests may take to finish after a stop."""

CUT_OFF_S = 1
"""How long those may take that are cut off, to leave nothing half done."""

COLLECT_AFTER = (20_000, 20, 100)
"""Thresholds of the garbage collector: what a large workflow's rows need for a moment is seldom looked through."""

SWITCH_S = 0.0005
"""How long a thread may keep the others from running Python: a step goes from one to the next several times."""


def serve(settings: Settings, listening: socket.socket) -> None:
    """Serve on a bound socket until SIGTERM, SIGINT or idleness; TorcError when the database cannot be used."""
    if (kind := network_file_system(settings.database)) is not None:
        log.warning(
            "database %s is on a network file system (%s), where it may be damaged or slow; choose a disk of this host"
            " with --database",
            settings.database,
            kind,
        )
    with OwnerLock(settings.database):
        app = create_app(settings)
        server: Server = app.state.server
        config = uvicorn.Config(
            app,
            loop="uvloop",  # asyncio's own, from 3.12 on, would wait at the end for connections that are to be cut off
            http="httptools",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        _announce(settings, listening)
        Uvicorn(config, server).run(sockets=[listening])


def _announce(settings: Settings, listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    if settings.auth_file is not None:
        log.info(
            "users of %s may come in%s", settings.auth_file, "" if settings.require_auth else ", and anonymous ones"
        )
    elif settings.token is None:
        log.warning("no authentication (--no-auth): whoever can reach port %s can run commands as your runners", port)
    log.info("listening on http://%s:%s/torc-service/v1, database %s", host, port, settings.database)


def _be_responsive() -> None:
    """No thread is to hold up the others for long: not with collecting garbage either, which nothing interrupts.

    What is there after the start stays, and need not be looked through; from here on garbage is collected.
    """
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    gc.enable()
    sys.setswitchinterval(SWITCH_S)


class Uvicorn(uvicorn.Server):
    """Uvicorn without its ten wake-ups a second: it waits for a signal, and says its port when it serves."""

    def __init__(self, config: uvicorn.Config, server: Server) -> None:
        super().__init__(config)
        self._server = server
        self._stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end the server in order, and the process with 0; a second one does not wait for anybody."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_IGN)  # everything is closed: nothing is left to hurry

    def _told_to_stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
        self._stop.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say the port, for who started the server with port 0."""
        await super().startup(sockets)
        _be_responsive()
        for sock in sockets or []:
            print(f"TORC_SERVER_PORT={sock.getsockname()[1]}", flush=True)

    async def main_loop(self) -> None:
        """Until a signal, or until nobody has used the server for long enough."""
        limit = self._server.settings.idle_exit_s
        while not self._stop.is_set():
            wait = max(limit - self._idle_s(), min(limit, 1.0)) if limit > 0 else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), wait)
            if limit > 0 and self._idle_s() >= limit:
                log.info("nobody has used this server for %g s: it ends", limit)
                self.should_exit = True
                return

    def _idle_s(self) -> float:
        return 0.0 if self._server.runners.nodes.by_id else self._server.activity.idle_s()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is held open, so that it does not hold up the end; what takes too long is cut off."""
        self._server.close()
        grace = asyncio.get_running_loop().call_later(GRACE_S, self._cut_short)
        await super().shutdown(sockets)
        grace.cancel()
        if self.force_exit:
            await self._cut_off()
            await self.lifespan.shutdown()

    def _cut_short(self) -> None:
        log.warning("requests were not finished %s s after the stop: they are cut off", GRACE_S)
        self.force_exit = True

    async def _cut_off(self) -> None:
        """Close the connections that are open, as if the clients had gone, and end the work on their requests."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # the requests hear that nobody waits for their answers
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CUT_OFF_S)
