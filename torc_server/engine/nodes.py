"""What the server remembers of its runners between their calls: totals, leases, the call it holds open.

Nothing here is needed after a restart: a runner's next call brings it back, and until then its lease runs anew.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from torc_core.models.exchange import ExchangeAnswer, ExchangeRequest

GIB = 1 << 30


@dataclass(slots=True)
class Call:
    """One exchange under way; `done` is answered in the event loop that made it."""

    node_id: int
    workflow_id: int
    request: ExchangeRequest
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[ExchangeAnswer]
    expires: float
    """Monotonic time at which it is answered whatever happens."""
    answer: ExchangeAnswer = field(default_factory=lambda: ExchangeAnswer(acknowledged=0))
    is_late: bool = False
    """A newer call of its node came before it: what it says of the present is not so any more."""
    error: Exception | None = None
    """Why it is refused, it alone."""

    def begin_answer(self) -> None:
        """Nothing has been answered yet."""
        self.answer = ExchangeAnswer(acknowledged=self.request.sequence)

    @property
    def rows(self) -> int:
        """How many jobs it reports on."""
        r = self.request
        return len(r.results) + len(r.started) + len(r.released)

    @property
    def has_news(self) -> bool:
        """It reports something, so it is answered as soon as that is on disk."""
        r = self.request
        return bool(r.results or r.started or r.released or r.leaving)

    def reject(self, error: BaseException) -> None:
        """Raise this in the caller."""

        def set_error() -> None:
            if not self.done.done():
                self.done.set_exception(error)

        with suppress(RuntimeError):  # the loop is closed, and with it whoever waited
            self.loop.call_soon_threadsafe(set_error)


def answer_all(calls: Iterable[Call]) -> None:
    """Answer calls in the event loops that made them, one hop for all of a loop."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[Call]] = defaultdict(list)
    for call in calls:
        by_loop[call.loop].append(call)
    for loop, mine in by_loop.items():
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_set_answers, mine)


def _set_answers(calls: list[Call]) -> None:
    for call in calls:
        if not call.done.done():
            call.done.set_result(call.answer)


@dataclass(slots=True)
class Node:
    """A registered runner."""

    id: int
    workflow_id: int
    num_cpus: int
    memory_bytes: int
    num_gpus: int
    num_nodes: int
    scheduler_config_id: int | None
    hostname: str
    expires: float
    """Monotonic time at which its lease runs out."""
    waiting: Call | None = None
    served: float = 0.0
    """Monotonic time at which it last got a job: who waited longest comes first."""
    ignores_resources: bool = False
    newest: int = 0
    """The highest sequence number of its calls so far."""
    ahead: set[tuple[int, int]] = field(default_factory=set)
    """(job, attempt) of what was handed out ahead, beyond the room that it had, and is not said to have started."""


@dataclass(frozen=True, slots=True)
class LostNode:
    """A runner that was lost, when (ms since 1970), why, and with how many jobs."""

    id: int
    hostname: str
    workflow_id: int
    at_ms: int
    reason: str
    jobs: int


LOST_REMEMBERED = 20
"""So many of the runners that were lost last are remembered."""


class Nodes:
    """All live runners by id."""

    def __init__(self, lease_s: float) -> None:
        self.lease_s = lease_s
        self.by_id: dict[int, Node] = {}
        self.dead: set[int] = set()
        """Nodes whose process on this host has ended: their leases end at once."""
        self.lost: deque[LostNode] = deque(maxlen=LOST_REMEMBERED)
        """The last runners that were lost, the newest at the end."""

    def add(self, row: tuple[int, int, int, float, int, int, int | None, str]) -> Node:
        """A node from its row: (id, workflow, cpus, memory in GiB, gpus, nodes, scheduler config, host).

        One that is known already stays as it is, with the call that it waits for.
        """
        if row[0] in self.by_id:
            return self.by_id[row[0]]
        node = Node(
            row[0], row[1], row[2], int(row[3] * GIB), row[4], row[5], row[6], row[7], time.monotonic() + self.lease_s
        )
        self.by_id[node.id] = node
        return node

    def renew(self, node: Node) -> None:
        """A call of the node arrived."""
        node.expires = time.monotonic() + self.lease_s

    def silent_s(self, node_id: int) -> float | None:
        """Seconds since a live runner was last heard of; None of any other."""
        node = self.by_id.get(node_id)
        return None if node is None else max(time.monotonic() - (node.expires - self.lease_s), 0.0)

    def of_workflow(self, workflow_id: int) -> list[Node]:
        """The live runners of a workflow."""
        return [node for node in list(self.by_id.values()) if node.workflow_id == workflow_id]

    def expired(self) -> list[Node]:
        """Nodes whose lease ran out or whose process died."""
        now = time.monotonic()
        return [node for node in self.by_id.values() if node.expires <= now or node.id in self.dead]
