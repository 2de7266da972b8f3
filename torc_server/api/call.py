"""A request as the handlers see it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from litestar import Request

from torc_core.models.status import JobStatus
from torc_server.access import Access
from torc_server.api.answers import WARNING
from torc_server.api.bodies import decode_any, decode_body
from torc_server.api.console_plan import Plans
from torc_server.api.front import USER, Activity
from torc_server.api.parameters import integer, path_parameter, query, status
from torc_server.broadcast import Broadcast
from torc_server.changes import Changes
from torc_server.deaths import Deaths
from torc_server.engine.exchange import Runners
from torc_server.gradual import Gradual
from torc_server.samples import Samples
from torc_server.settings import Settings
from torc_server.store.database import Database

B = TypeVar("B")
Q = TypeVar("Q", bound=msgspec.Struct)


@dataclass
class Server:
    """What the handlers work with."""

    settings: Settings
    db: Database
    runners: Runners
    changes: Changes
    deaths: Deaths
    activity: Activity
    gradual: Gradual
    broadcast: Broadcast
    access: Access
    samples: Samples
    plans: Plans = field(default_factory=Plans)
    started: float = field(default_factory=time.monotonic)

    def close(self) -> None:
        """Answer what is held open; nothing is held from now on."""
        self.runners.close()
        self.changes.close()
        self.broadcast.close()


class Call(Request[Any, Any, Any]):
    """A request; what it says is read by torc's rules and refused with its words."""

    @property
    def server(self) -> Server:
        """The server that was called."""
        server: Server = self.app.state.server
        return server

    @property
    def db(self) -> Database:
        """Its database."""
        return self.server.db

    @property
    def caller(self) -> str:
        """The authenticated user name, `anonymous` without authentication."""
        scope: Any = self.scope
        name: str = scope[USER]
        return name

    def number(self, name: str = "id") -> int:
        """An integer in the path."""
        value: int = path_parameter(self.scope, name, integer)
        return value

    def status(self, name: str = "status") -> JobStatus:
        """A job status in the path."""
        value: JobStatus = path_parameter(self.scope, name, status)
        return value

    def ask(self, model: type[Q]) -> Q:
        """The query parameters."""
        return query(self.scope, model)

    async def told(self, model: type[B]) -> B:
        """The body; unknown fields go into the answer's `Warning` header."""
        value, unknown = decode_body(await self.body(), model)
        await self.server.access.require_body(self.caller, value)
        if unknown:
            names = ", ".join(f'"{name}"' for name in unknown)
            said = f"Ignoring unknown fields in body: [{names}]".encode("latin-1", "replace")
            scope: Any = self.scope
            scope[WARNING] = said.replace(b"\r", b" ").replace(b"\n", b" ")
        return value

    async def told_anything(self) -> Any:
        """The body, any JSON."""
        return decode_any(await self.body())
