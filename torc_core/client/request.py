"""What a call to the server is, before anybody sends it: the common ground of the sync and the async client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

API_PATH = "/torc-service/v1"
"""Every path of an endpoint is relative to this one."""

T = TypeVar("T")

QueryValue = str | int | bool | None


class Page(msgspec.Struct, Generic[T]):
    """One page of a list (server.md 0.2)."""

    items: list[T]
    offset: int
    count: int
    total_count: int
    has_more: bool
    max_limit: int = 10_000


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One call: how it is sent, what comes back, and what it is called in an error message."""

    method: str
    path: str
    answer: type[T]
    doing: str
    """What the caller wanted, to follow "while": `getting job 5`."""
    thing: str = ""
    """What the path names, for a 404: `job 5`."""
    query: Mapping[str, QueryValue] = field(default_factory=dict)
    """Parameters of the query; those that are None are left out."""
    body: Any = None
    stream: Callable[[], Iterator[bytes]] | None = None
    """In place of `body`: makes the chunks of a long body, anew for each try."""
    patience: float = 60.0
    """Seconds to wait for the answer."""
    repeatable: bool = False
    """Sending it twice does no more than sending it once: it is sent again when the connection broke."""

    def parameters(self) -> dict[str, str]:
        """The query as the server reads it: booleans are `true` and `false`."""
        return {name: _text(value) for name, value in self.query.items() if value is not None}

    def content(self) -> bytes | None:
        """The body as JSON, if there is one."""
        return None if self.body is None else msgspec.json.encode(self.body)

    def decode(self, content: bytes) -> T:
        """The typed answer; msgspec.DecodeError when it is not what this endpoint answers."""
        return msgspec.json.decode(content, type=self.answer)


def _text(value: str | int | bool | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
