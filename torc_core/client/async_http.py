"""The asynchronous client: the same requests as the synchronous one's, for programs with an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec

from torc_core.client import errors
from torc_core.client.http import KEEP_ALIVE_LIMIT_S, Address, base_url, connection_options, user_name
from torc_core.client.request import API_PATH, Request
from torc_core.client.stream import Change, ChangeReader

T = TypeVar("T")

CONNECT_S = 2.0
"""How long to wait for a connection."""


class AsyncClient:
    """Calls one server as one user, from one event loop. It tries once: when to try again is the caller's to say."""

    def __init__(self, address: Address, user: str | None = None) -> None:
        import httpx

        self.address = Address(base_url(address.url), address.password)
        self.user = user or user_name()
        self._http = httpx.AsyncClient(**connection_options(self.address, self.user))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, request: Request[T]) -> T:
        """Send a request and give its typed answer.

        Raises ServerUnreachableError when nobody answers in time and ApiError when the server refuses or fails.
        """
        import httpx

        try:
            response = await self._http.request(
                request.method,
                API_PATH + request.path,
                params=request.parameters(),
                content=request.content(),
                headers={"content-type": "application/json"} if request.body is not None else {},
                timeout=httpx.Timeout(request.patience, connect=CONNECT_S),
            )
        except httpx.TransportError as error:
            raise errors.unreachable(self.address.url, request, error) from None
        if response.status_code >= 400:
            raise self._refusal(request, response.status_code, response.content)
        try:
            return request.decode(response.content)
        except msgspec.DecodeError as error:
            raise errors.unreadable(self.address.url, request, error) from None

    async def changes(self, after: int | None = None) -> AsyncIterator[Change]:
        """What changes from now on, or after change `after`, until the connection ends.

        The first Change is called `open`: what is read from the server after it is not older than what the stream
        tells. Raises ServerUnreachableError when the connection cannot be made or breaks.
        """
        import httpx

        request: Request[Any] = Request("GET", "/changes", object, "following the changes")
        headers = {"accept": "text/event-stream"}
        if after is not None:
            headers["last-event-id"] = str(after)
        timeout = httpx.Timeout(KEEP_ALIVE_LIMIT_S, connect=CONNECT_S)
        try:
            async with self._http.stream("GET", API_PATH + request.path, headers=headers, timeout=timeout) as response:
                if response.status_code >= 400:
                    raise self._refusal(request, response.status_code, await response.aread())
                reader = ChangeReader()
                greeted = False
                async for line in response.aiter_lines():
                    if not greeted:
                        greeted = True
                        yield Change(None, "open", {})
                    if change := reader.feed(line):
                        yield change
        except httpx.TransportError as error:
            raise errors.unreachable(self.address.url, request, error) from None

    def _refusal(self, request: Request[Any], status: int, content: bytes) -> errors.ApiError:
        return errors.refused(self.address.url, self.user, self.address.password is not None, request, status, content)
