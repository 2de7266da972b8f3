"""The front door: what is decided about a request before any route is looked up."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from litestar.types import ASGIApp

from torc_server.api.answers import Answer, Headers
from torc_server.api.page import PAGE
from torc_server.api.parameters import EMPTY
from torc_server.auth import Authenticator

BASE = "/torc-service/v1"

USER = "torc.user"
"""Key of the scope that holds the caller's name."""

_UNAUTHORIZED: Headers = ((b"www-authenticate", b'Basic realm="Torc"'),)
_PAGE: Headers = ((b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"public, max-age=3600"))


class Activity:
    """Whether anybody uses the server: for its exit when idle."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.open = 0
        """Requests being answered, held exchanges and open streams among them."""

    def idle_s(self) -> float:
        """Seconds since the last request ended; 0 while one is open."""
        return 0.0 if self.open else time.monotonic() - self.last


class FrontDoor:
    """Checks credentials, keeps torc's rules about paths and methods, counts what is open."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, activity: Activity) -> None:
        self._app = app
        self._authenticator = authenticator
        self._activity = activity

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._activity.open += 1
        try:
            await self._enter(scope, receive, send)
        except asyncio.CancelledError:  # the server ends, and has closed the connection
            pass
        finally:
            self._activity.open -= 1
            self._activity.last = time.monotonic()

    async def _enter(self, scope: Any, receive: Any, send: Any) -> None:
        user = await self._authenticator.user(scope["headers"])
        if user is None:
            await Answer(b"Unauthorized", 401, _UNAUTHORIZED, traced=False)(scope, receive, send)
            return
        path = scope["path"]
        if path.startswith(BASE + "/"):
            scope[USER] = user
            if path[-1] == "/":  # the router would drop it; a missing id is another error than an unknown path
                scope["path"] = path + EMPTY
            if scope["method"] == "OPTIONS":  # the framework would answer it; torc has none
                scope["method"] = "TRACE"
            await self._app(scope, receive, send)
        elif path.startswith(("/torc-service", "/static")) or "." in path:
            await Answer(status=404, traced=False)(scope, receive, send)
        else:
            await Answer(PAGE, 200, _PAGE, traced=False)(scope, receive, send)
