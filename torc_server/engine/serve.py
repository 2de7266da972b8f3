"""Which job a runner gets (design: sections 3 and 4; server.md 4 for torc's rules).

Ready jobs of a workflow are shared among the runners that wait: first everybody gets at most the part that is fair,
then what is left goes to whoever has room, then small amounts are handed out ahead (`prefetch`). A class of jobs that
got nothing for `STARVED_S` while its node served others makes that node wait until one of its jobs fits.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from torc_core.crash import crash_point
from torc_core.models.exchange import Assignment, FreeResources
from torc_core.models.status import JobStatus
from torc_server.engine.nodes import Call, Node
from torc_server.engine.ready import ReadyClass, first_jobs, fits, how_many_fit, ready_classes
from torc_server.engine.transition import set_status
from torc_server.store.batch import Batch

STARVED_S = 60.0
"""How long a class may be passed over before a node is kept free for it."""

MOST = 10_000
"""Most jobs that one call is handed."""

ClassKey = tuple[int, int | None]
"""(requirement, scheduler)"""


@dataclass(slots=True)
class Want:
    """One waiting runner while jobs are being shared out."""

    call: Call
    node: Node
    free: FreeResources
    slots: int
    taken: list[int] = field(default_factory=list)
    ahead: list[int] = field(default_factory=list)
    """Those of them that it has no room for yet."""
    served: set[tuple[int, int | None]] = field(default_factory=set)
    """Classes of which it got a job."""
    closed: bool = False
    """Kept free for a starved class: it takes nothing else."""

    def take_room(self, need: ReadyClass | Assignment, n: int) -> None:
        """`n` jobs that need this much are on their way to it."""
        self.slots -= n
        self.free.num_cpus -= n * need.num_cpus
        self.free.memory_bytes -= n * need.memory_bytes
        self.free.num_gpus -= n * need.num_gpus
        if need.num_nodes > 1:
            self.free.num_nodes -= n * need.num_nodes


class Fairness:
    """Which classes of a workflow wait in vain, and which node is kept for them.

    In memory: a restart begins to count anew. A batch works on a `copy`, which counts once the batch is committed.
    """

    def __init__(self, starved_s: float = STARVED_S) -> None:
        self.starved_s = starved_s
        self.since: dict[ClassKey, float] = {}
        self.kept_by: dict[ClassKey, int] = {}

    def copy(self) -> Fairness:
        """The same, to be changed."""
        made = Fairness(self.starved_s)
        made.since, made.kept_by = self.since.copy(), self.kept_by.copy()
        return made

    def keep_only(self, classes: list[ReadyClass]) -> None:
        """Of these classes jobs are ready: no others wait."""
        ready = {cls.key for cls in classes}
        for clocks in (self.since, self.kept_by):
            for key in clocks.keys() - ready:
                del clocks[key]

    def served(self, key: ClassKey) -> None:
        """A job of the class was handed out."""
        self.since.pop(key, None)
        self.kept_by.pop(key, None)

    def passed_over(self, classes: list[ReadyClass], want: Want) -> None:
        """A node gave its room to others: of these classes those that fit it in total, and got nothing, wait."""
        now = time.monotonic()
        for cls in classes:
            if cls.key not in self.since and cls.key not in want.served and _could_run(cls, want):
                self.since[cls.key] = now

    def starved(self, classes: list[ReadyClass], want: Want, live: set[int]) -> ReadyClass | None:
        """The class that has waited longest for this node and may keep it free, if any waits too long.

        One node is kept for a class, as long as it is among the `live` and has the time to run one of its jobs.
        """
        begun = time.monotonic() - self.starved_s
        late = {key for key, since in self.since.items() if since < begun}
        waiting = []
        for cls in classes if late else ():
            if cls.key not in late:
                continue
            keeper = self.kept_by.get(cls.key)
            if not _could_run(cls, want):
                if keeper == want.node.id:
                    del self.kept_by[cls.key]
            elif keeper == want.node.id or keeper not in live:
                waiting.append(cls)
        return min(waiting, key=lambda cls: self.since[cls.key], default=None)


def share_out(
    batch: Batch, workflow_id: int, sort_method: str, ready: int, wants: list[Want], live: set[int], fair: Fairness
) -> None:
    """Hand the ready jobs of one workflow to the runners that want some; fills `taken` and writes the jobs' rows.

    `ready` is how many jobs are ready, `live` are the ids of the workflow's nodes, those that do not ask included.
    """
    classes = ready_classes(batch.conn, workflow_id, sort_method)
    fair.keep_only(classes)
    if not classes:
        return
    wants.sort(key=lambda want: want.node.served)
    asked = sum(max(want.slots, 0) for want in wants)
    left = ready
    for behind, want in zip(range(len(wants) - 1, -1, -1), wants, strict=True):
        part = want.slots if asked <= ready else max(1, min(want.slots * ready // asked, left - behind))
        classes = _fill(batch, workflow_id, classes, want, part, fair, live)
        left -= len(want.taken)
    if len(wants) > 1:
        for want in wants:
            classes = _fill(batch, workflow_id, classes, want, want.slots, fair, live)
    left = ready - sum(len(want.taken) for want in wants)
    for want in wants:
        if not want.closed:
            left -= _prefetch(
                batch, workflow_id, classes, want, left if len(live) == 1 else left // (2 * len(live)), fair
            )


def _fill(
    batch: Batch, workflow_id: int, classes: list[ReadyClass], want: Want, limit: int, fair: Fairness, live: set[int]
) -> list[ReadyClass]:
    """Give one runner up to `limit` jobs that fit what it has free; returns the classes that may have jobs left."""
    ordered = classes
    starved = None if want.call.request.ignore_resources else fair.starved(classes, want, live)
    if starved is not None:
        if not fits(starved, want.free):
            fair.kept_by[starved.key] = want.node.id
            want.closed = True
        ordered = [starved, *(cls for cls in classes if cls is not starved)]
    limit = min(limit, want.slots)
    if limit <= 0 or want.closed:
        return classes
    exhausted = set()
    before = len(want.taken)
    for cls in _matching(ordered, want):
        if limit <= 0:
            break
        n = _room(cls, want, limit)
        ids = first_jobs(batch.conn, workflow_id, cls, n) if n else []
        if ids:
            _take(batch, workflow_id, want, cls, ids)
            limit -= len(ids)
            want.served.add(cls.key)
            fair.served(cls.key)
        if len(ids) < n:
            exhausted.add(cls.key)
    if len(want.taken) > before:
        fair.passed_over(classes, want)
    return [cls for cls in classes if cls.key not in exhausted] if exhausted else classes


def _matching(classes: list[ReadyClass], want: Want) -> list[ReadyClass]:
    """Jobs without a scheduler or with the runner's come first, those of other schedulers fill what is left."""
    mine = (None, want.node.scheduler_config_id)
    others = [cls for cls in classes if cls.scheduler_id not in mine]
    return [*(cls for cls in classes if cls.scheduler_id in mine), *others] if others else classes


def _room(cls: ReadyClass, want: Want, limit: int) -> int:
    if not _has_time(cls, want):
        return 0
    if want.call.request.ignore_resources:
        return limit
    return how_many_fit(cls, want.free, limit)


def _has_time(cls: ReadyClass, want: Want) -> bool:
    time_left = want.call.request.time_left_s
    return time_left is None or cls.runtime_s <= time_left


def _could_run(cls: ReadyClass, want: Want) -> bool:
    """A job of the class fits the node when it is empty, and the time that is left."""
    return _has_time(cls, want) and fits(cls, want.node)


def _take(batch: Batch, workflow_id: int, want: Want, cls: ReadyClass, ids: list[int]) -> None:
    n = len(ids)
    assign(batch, workflow_id, ids, want.node.id)
    want.taken += ids
    want.take_room(cls, n)


def _prefetch(batch: Batch, workflow_id: int, classes: list[ReadyClass], want: Want, most: int, fair: Fairness) -> int:
    """Jobs of the class that the runner is running, to start the moment a slot is free; returns how many.

    `most` keeps the last jobs of a workflow for runners that are free at once. What was sent again beyond the slots
    waits there already.
    """
    ahead = want.call.request.prefetch
    if ahead is None or (count := min(MOST, ahead.count + min(want.slots, 0), most)) <= 0:
        return 0
    chosen = next(
        (c for c in classes if c.requirements_id == ahead.resource_requirements_id and _matches(c, want)), None
    )
    ids = first_jobs(batch.conn, workflow_id, chosen, count) if chosen is not None else []
    assign(batch, workflow_id, ids, want.node.id)
    want.taken += ids
    want.ahead += ids
    if ids:
        fair.passed_over([cls for cls in classes if cls is not chosen], want)
    return len(ids)


def _matches(cls: ReadyClass, want: Want) -> bool:
    fits_node = want.call.request.ignore_resources or fits(cls, want.node)
    return _has_time(cls, want) and fits_node and cls.scheduler_id in (None, want.node.scheduler_config_id)


def assign(batch: Batch, workflow_id: int, ids: list[int], node_id: int | None) -> None:
    """Ready jobs become pending with a node (or with nobody known: torc's own claims)."""
    if not ids:
        return
    set_status(batch, [(job, workflow_id, JobStatus.READY) for job in ids], JobStatus.PENDING)
    if node_id is not None:
        batch.run("UPDATE job SET node_id = ? WHERE id IN (SELECT value FROM json_each(?))", node_id, batch.json(ids))
    crash_point("server.claim.written")


def wants_of(calls: list[tuple[Call, Node]]) -> list[Want]:
    """The calls that ask for jobs; what is sent to them again takes of the room they offer."""
    wants = []
    for call, node in calls:
        r = call.request
        if (r.slots > 0 or r.prefetch is not None) and not r.leaving:
            free = FreeResources(r.free.num_cpus, r.free.memory_bytes, r.free.num_gpus, r.free.num_nodes)
            want = Want(call, node, free, min(r.slots, MOST))
            for again in call.answer.jobs:
                want.take_room(again, 1)
            wants.append(want)
    return wants
