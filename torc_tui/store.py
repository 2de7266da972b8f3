"""What the screens know. One event stream feeds it; it asks, answers equal questions once, and says how fresh it is.

Screens never call the server: they `ask`, or keep a `Watch`, or page through a table; whatever arrives is told to
listeners on the event loop, which post a message to themselves. Nothing here knows a widget.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from torc_core.client.async_http import AsyncClient
from torc_core.client.errors import ApiError, ServerUnreachableError
from torc_core.client.http import Address
from torc_core.client.request import Request
from torc_core.client.stream import Change
from torc_core.errors import TorcError

T = TypeVar("T")

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 1.5
"""How long to wait before the server is tried again: from the first to the longest, each time twice as long."""

OFFLINE_AFTER_S = 10.0
"""A connection that is away for so long reads OFFLINE."""

SHORTEST_PAUSE_S = 0.3
"""A question is asked again after so long at the earliest, however much changes."""

LOAD_SHARE = 4
"""… and after so many times the time that its last answer took."""


class State(Enum):
    """How what is shown relates to the server."""

    CONNECTING = "CONNECTING"
    LIVE = "LIVE"
    RECONNECTING = "RECONNECTING"
    OFFLINE = "OFFLINE"


@dataclass(frozen=True, slots=True)
class Connection:
    """The state of the connection, since when (seconds since 1970), and why it is away."""

    state: State = State.CONNECTING
    since: float = 0.0
    reason: str = ""
    label: str = ""
    """What the server is called on screen."""
    fresh: float = 0.0
    """When what is shown was last known to be true (seconds since 1970); counts while not LIVE."""


class StoppedError(TorcError):
    """The server was stopped on purpose: it does not come back by itself."""


class Connector(Protocol):
    """Finds the server."""

    label: str
    way_out: str
    """What the user can do when it cannot be reached."""

    def address(self) -> Address:
        """Where it is; may start it. Called in a thread; raises TorcError."""


Listener = Callable[[Change | Connection], None]
"""Told of every change and of every new state of the connection, on the event loop."""


def _unheard(error: Exception) -> None:
    asyncio.get_running_loop().call_exception_handler({"message": "defect", "exception": error})


class Store:
    """Everything between the screens and the server."""

    def __init__(self, connector: Connector) -> None:
        self.connection = Connection(label=connector.label)
        self._connector = connector
        self._client: AsyncClient | None = None
        self._tried = asyncio.Event()
        """Whether there is a server, or it is known that there is none: questions wait for that."""
        self._listeners: list[Listener] = []
        self._asked: dict[tuple[Any, ...], asyncio.Task[Any]] = {}
        self.last_change: int | None = None
        self.defect: Callable[[Exception], None] = _unheard
        """Told of what is no error of the user or the server; what met it goes on."""

    @property
    def user(self) -> str:
        """Who the user is to the server."""
        from torc_core.client.http import user_name

        return self._client.user if self._client else user_name()

    @property
    def address(self) -> Address | None:
        """Where the server is, once that is known."""
        return self._client.address if self._client else None

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Be told of changes; gives what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def run(self) -> None:
        """Connect, follow the changes, and come back whenever the connection ends; until cancelled."""
        wait = FIRST_WAIT_S
        try:
            while True:
                started = time.monotonic()
                stopped = False
                try:
                    await self._follow()
                    reason = "the stream ended"
                except TorcError as error:
                    reason = str(error)
                    stopped = isinstance(error, StoppedError)
                except Exception as error:
                    self.defect(error)
                    reason = str(unforeseen(error))
                if time.monotonic() - started > LONGEST_WAIT_S:
                    wait = FIRST_WAIT_S
                self._lost(reason, stopped)
                await asyncio.sleep(wait * random.uniform(0.8, 1.0))
                wait = min(wait * 2, LONGEST_WAIT_S)
        finally:
            if self._client:
                await self._client.close()

    async def _follow(self) -> None:
        """One connection, from finding the server to the end of the stream."""
        address = await asyncio.to_thread(self._connector.address)
        if self._client is None or self._client.address.url != address.url or self._client.address != address:
            await asyncio.to_thread(__import__, "httpx")
            old, self._client = self._client, AsyncClient(address)
            if old:
                await old.close()
        async for change in self._client.changes(self.last_change):
            if change.event == "open":
                self._tried.set()
                self._became(State.LIVE, "")
            if change.id is not None:
                self.last_change = change.id
            self._asked.clear()  # their answers may be from before it: who asks now is to know of it
            self._tell(change)

    def _lost(self, reason: str, stopped: bool) -> None:
        now = time.time()
        connection = self.connection
        since = now if connection.state is State.LIVE else connection.since or now
        away = now - since > OFFLINE_AFTER_S
        fresh = now if connection.state is State.LIVE else connection.fresh
        state = State.OFFLINE if away or connection.state is State.OFFLINE else State.RECONNECTING
        if stopped or connection.state is State.CONNECTING:
            state = State.OFFLINE
        self._became(state, reason, since, fresh)
        self._tried.set()

    def _became(self, state: State, reason: str, since: float | None = None, fresh: float = 0.0) -> None:
        new = Connection(state, since or time.time(), reason, self._connector.label, fresh)
        same = (new.state, new.reason) == (self.connection.state, self.connection.reason)
        self.connection = new
        if not same:
            self._tell(new)

    def _tell(self, news: Change | Connection) -> None:
        for listener in list(self._listeners):
            listener(news)

    async def ask(self, request: Request[T]) -> T:
        """The answer to a request; equal ones that are under way are sent once. Waits until the server was tried once.

        Raises ServerUnreachableError and ApiError.
        """
        if request.method != "GET":
            return await self._send(request)
        key = (request.path, tuple(sorted(request.parameters().items())))
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.ensure_future(self._send(request))
            task.add_done_callback(partial(self._answered, key))
        answer: T = await asyncio.shield(task)
        return answer

    def _answered(self, key: tuple[Any, ...], task: asyncio.Task[Any]) -> None:
        if self._asked.get(key) is task:
            del self._asked[key]
        if not task.cancelled():
            task.exception()  # nobody may wait for it any more, as on leaving: asyncio would print it

    async def _send(self, request: Request[T]) -> T:
        await self._tried.wait()
        if self._client is None:
            raise ServerUnreachableError(self.connection.reason)
        return await self._client.send(request)


class Pacer:
    """Does something again when told to, never twice at once, and at a pace that the server can bear.

    `touch` asks for it; while paused the wish is kept. A failure is told and not repeated: what changes next, or the
    return of the server, touches again. A defect is told to `defect` and then as a failure.
    """

    def __init__(
        self,
        work: Callable[[], Awaitable[None]],
        failed: Callable[[TorcError], None],
        defect: Callable[[Exception], None],
    ) -> None:
        self._work = work
        self._failed = failed
        self._defect = defect
        self._wanted = asyncio.Event()
        self._allowed = asyncio.Event()
        self._allowed.set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.busy = False

    def touch(self) -> None:
        """It has to be done."""
        if self._closed:
            return
        self._wanted.set()
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    def pause(self) -> None:
        """Not while nobody looks."""
        self._allowed.clear()

    def resume(self) -> None:
        """From now on again; what was wished for meanwhile is done at once."""
        self._allowed.set()

    def close(self) -> None:
        """Never again."""
        self._closed = True
        self._wanted.clear()
        if self._task:
            self._task.cancel()
            self._task = None

    @property
    def idle(self) -> bool:
        """Whether nothing is left to do."""
        return not self.busy and not self._wanted.is_set()

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            await self._allowed.wait()
            self._wanted.clear()
            self.busy = True
            started = time.monotonic()
            try:
                await self._work()
            except TorcError as error:
                self._failed(error)
            except Exception as error:
                self._defect(error)
                self._failed(unforeseen(error))
            finally:
                self.busy = False
            took = time.monotonic() - started
            await asyncio.sleep(max(SHORTEST_PAUSE_S, LOAD_SHARE * took))


class Watch(Generic[T]):
    """A question whose answer is kept fresh: asked again when something changes that concerns it.

    `concerns` may go by `value`: a change that is heard while an answer is on its way is judged by that, too.
    `told` is called on the event loop whenever `value` or `error` is new.
    """

    def __init__(
        self,
        store: Store,
        request: Request[T],
        concerns: Callable[[Change], bool],
        told: Callable[[Watch[T]], None],
    ) -> None:
        self.value: T | None = None
        self.error: TorcError | None = None
        self.request = request
        self._store = store
        self._concerns = concerns
        self._told = told
        self._meanwhile: list[Change] = []
        """What was heard since the answer on its way was asked for."""
        self._pacer = Pacer(self._ask, self._fail, store.defect)
        self._leave = store.subscribe(self._hear)
        self._pacer.touch()

    def touch(self) -> None:
        """Ask again."""
        self._pacer.touch()

    def _hear(self, news: Change | Connection) -> None:
        if not isinstance(news, Change):
            return
        if news.event in ("open", "reset") or self._concerns(news):
            self._pacer.touch()
        elif self._pacer.busy:
            self._meanwhile.append(news)

    async def _ask(self) -> None:
        self._meanwhile.clear()
        value = await self._store.ask(self.request)
        if value == self.value and not self.error:
            return
        self.value, self.error = value, None
        if any(self._concerns(change) for change in self._meanwhile):
            self._pacer.touch()
        self._told(self)

    def _fail(self, error: TorcError) -> None:
        if isinstance(error, ServerUnreachableError):
            return  # The header says so; what is known stays.
        self.error = error
        self._told(self)

    def pause(self) -> None:
        """Nobody looks."""
        self._pacer.pause()

    def resume(self) -> None:
        """Somebody looks again."""
        self._pacer.resume()

    def close(self) -> None:
        """Nobody will look."""
        self._leave()
        self._pacer.close()

    @property
    def idle(self) -> bool:
        return self._pacer.idle


def unforeseen(error: Exception) -> TorcError:
    """A defect, as what could not be done because of it."""
    return TorcError(f"internal error: {type(error).__name__}: {error}")


def is_missing(error: TorcError) -> bool:
    """Whether the server says that there is no such thing (any more)."""
    return isinstance(error, ApiError) and error.status == 404
