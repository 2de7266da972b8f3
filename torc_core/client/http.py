"""The synchronous client: sends requests of `endpoints`, follows the change stream, explains what goes wrong."""

from __future__ import annotations

import base64
import getpass
import os
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from torc_core.client import errors
from torc_core.client.request import API_PATH, Page, Request
from torc_core.client.stream import Change, parse_changes
from torc_core.errors import InputError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

PAGE_LIMIT = 10_000
"""The most items a server gives at once (server.md 0.2)."""

KEEP_ALIVE_LIMIT_S = 45.0
"""A change stream that is silent for so long is dead: the server sends something every 15 s."""

GIVE_UP_AFTER_S = 60.0
"""How long a change stream tries to come back before it raises."""


class Address(NamedTuple):
    """Where a server is and what opens it."""

    url: str
    password: str | None = None


class Client:
    """Calls one server as one user; to be used by one thread at a time.

    `revive` is asked once for another address when nobody answers: it starts the user's own server anew.
    """

    def __init__(
        self,
        address: Address,
        user: str | None = None,
        revive: Callable[[], Address | None] | None = None,
    ) -> None:
        self.user = user or user_name()
        self._revive = revive
        self._connect(address)

    def _connect(self, address: Address) -> None:
        import httpx

        self.address = Address(base_url(address.url), address.password)
        self._http = httpx.Client(
            **connection_options(self.address, self.user), timeout=httpx.Timeout(60.0, connect=5.0)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, request: Request[T]) -> T:
        """Send a request and give its typed answer.

        Raises ServerUnreachableError when nobody answers and ApiError when the server refuses or fails.
        """
        import httpx

        try:
            return self._send_while_busy(request)
        except httpx.TransportError as error:
            sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            if isinstance(error, httpx.ReadTimeout) or (sent and not _repeatable(request)):
                raise errors.unreachable(self.address.url, request, error) from None
            if not sent and not self._come_back():
                raise errors.unreachable(self.address.url, request, error) from None
        try:
            return self._send_while_busy(request)
        except httpx.TransportError as error:
            raise errors.unreachable(self.address.url, request, error) from None

    def _come_back(self) -> bool:
        """Whether the server was started anew, at the same address or another."""
        address = self._revive() if self._revive else None
        if address is None:
            return False
        self._http.close()
        self._connect(address)
        return True

    def _send_while_busy(self, request: Request[T]) -> T:
        """Send it, again while the server says that it is too busy (503 with Retry-After), for 10 s at most."""
        deadline = time.monotonic() + 10
        while True:
            response = self._send_once(request)
            wait = response.headers.get("retry-after", "")
            if response.status_code != 503 or not wait.isdigit() or time.monotonic() + int(wait) > deadline:
                break
            time.sleep(max(int(wait), 0.1))
        if response.status_code >= 400:
            raise self._refusal(request, response.status_code, response.content)
        try:
            return request.decode(response.content)
        except msgspec.DecodeError as error:
            raise errors.unreadable(self.address.url, request, error) from None

    def _send_once(self, request: Request[Any]) -> httpx.Response:
        import httpx

        stream = request.stream() if request.stream else None
        return self._http.request(
            request.method,
            API_PATH + request.path,
            params=request.parameters(),
            content=stream if stream is not None else request.content(),
            headers={"content-type": "application/json"} if request.body is not None else {},
            timeout=httpx.Timeout(request.patience, connect=5.0),
        )

    def _refusal(self, request: Request[Any], status: int, content: bytes) -> errors.ApiError:
        return errors.refused(self.address.url, self.user, self.address.password is not None, request, status, content)

    def pages(self, make: Callable[[int, int], Request[Page[T]]], limit: int | None = None) -> Iterator[T]:
        """All items of a list, asked for page by page: `make(offset, limit)` makes the request of one page."""
        offset = 0
        while limit is None or offset < limit:
            size = PAGE_LIMIT if limit is None else min(PAGE_LIMIT, limit - offset)
            page = self.send(make(offset, size))
            yield from page.items
            offset += page.count
            if not page.has_more or not page.count:
                return

    def changes(self, workflow_id: int | None = None, after: int | None = None) -> Iterator[Change]:
        """What changes from now on (or after change `after`), without a gap, over broken connections too.

        Each time the stream begins or comes back there is a Change called `open`: what is read from the server after
        it is not older than what the stream tells. Raises ServerUnreachableError when the server stays away.
        """
        import httpx

        request: Request[Any] = Request("GET", "/changes", object, "following the changes", "workflow")
        last = after
        deadline = time.monotonic()
        while True:
            try:
                for change in self._changes_once(request, workflow_id, last):
                    deadline = time.monotonic() + GIVE_UP_AFTER_S
                    last = change.id if change.id is not None else last
                    yield change
                raise httpx.ReadError("the stream ended")
            except httpx.TransportError as error:
                refused = isinstance(error, httpx.ConnectError)
                if refused and self._come_back():
                    continue
                if time.monotonic() > deadline:
                    raise errors.unreachable(self.address.url, request, error) from None
                time.sleep(0.25 if refused else 0.02)

    def _changes_once(self, request: Request[Any], workflow_id: int | None, after: int | None) -> Iterator[Change]:
        import httpx

        parameters = {"workflow_id": workflow_id, "after": after}
        headers = {"accept": "text/event-stream"}
        if after is not None:
            headers["last-event-id"] = str(after)
        with self._http.stream(
            request.method,
            API_PATH + request.path,
            params={name: str(value) for name, value in parameters.items() if value is not None},
            headers=headers,
            timeout=httpx.Timeout(KEEP_ALIVE_LIMIT_S, connect=5.0),
        ) as response:
            if response.status_code >= 400:
                raise self._refusal(request, response.status_code, response.read())
            lines = response.iter_lines()
            next(lines, None)  # The server's greeting: from here on it tells everything.
            yield Change(None, "open", {})
            yield from parse_changes(lines)


def connection_options(address: Address, user: str) -> dict[str, Any]:
    """What every httpx client of a server is made with: its address, who asks, and what is trusted on the way."""
    headers = {"accept": "application/json", "user-agent": "torc"}
    if address.password is not None:
        token = base64.b64encode(f"{user}:{address.password}".encode()).decode()
        headers["authorization"] = f"Basic {token}"
    loopback = urlsplit(address.url).hostname in ("127.0.0.1", "localhost", "::1")
    return {
        "base_url": address.url,
        "headers": headers,
        "verify": address.url.startswith("https:"),  # loading the certificate authorities takes 40 ms
        "trust_env": not loopback,  # no proxy is asked for what is on this host
    }


def base_url(url: str) -> str:
    """The address without torc's API path and trailing slash; InputError when it is none."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number up to 65535
        good = False
    if not good:
        near = f"; did you mean http://{url}?" if "://" not in url and ":" in url else ""
        raise InputError(f"server address {url!r} is not http://HOST:PORT or https://HOST:PORT{near}")
    return url.rstrip("/").removesuffix(API_PATH)


def user_name() -> str:
    """Who the user is to the server: USER, else USERNAME, else the account's name (cli.md 0.6)."""
    named = os.environ.get("USER") or os.environ.get("USERNAME")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _repeatable(request: Request[Any]) -> bool:
    return request.repeatable or request.method == "GET"
