"""When a workflow's jobs ran, and where: loads of its runners over parts of time, and attempts by their start.

Whatever there is of attempts, the answer is small: they are counted where they lie, by runner and by the parts in which
they began and ended, and only a page of them is told one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from torc_core.models.console import NodeLoad, Row, Timeline, TimelineQuery
from torc_core.models.status import JobStatus
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.routes import get
from torc_server.errors import Invalid, NotFound
from torc_server.store.batch import driver_connection, now_ms

MOST_PARTS = 400
MOST_BARS = 200

NODES = 64
"""So many runners are told one by one."""

SHORTEST_MS = 1000
"""A run is shown as if it took so long at least."""

STEPS = (1, 1.5, 2, 3, 4, 6, 8)
"""While something runs a part is so long, times a power of ten: what is drawn then keeps its place for a while."""

_SHOWN = """
WITH shown AS (
  SELECT ifnull(compute_node_id, 0) AS node, job_id, attempt_id AS attempt, status,
    ifnull(start_ms, (julianday(completion_time) - 2440587.5) * 86400000 - exec_time_minutes * 60000) AS start,
    ifnull(end_ms, (julianday(completion_time) - 2440587.5) * 86400000) AS end
  FROM result WHERE workflow_id = :workflow AND run_id = :run
  UNION ALL
  SELECT ifnull(node_id, 0), id, attempt_id, status, start_ms, max(:now, start_ms)
  FROM job WHERE workflow_id = :workflow AND status = 4 AND start_ms IS NOT NULL
)"""
"""Attempts of the run. Results that torc's own runners wrote say only when they ended and how long they took."""

_EXTENT = f"{_SHOWN} SELECT min(start), max(end), count(*), max(status = 4) FROM shown"

_LOADS = f"""{_SHOWN}
SELECT node, CAST((max(start, :from) - :from) / :step AS INTEGER), CAST((min(end, :to - 1) - :from) / :step AS INTEGER),
  count(*), sum(max(start, :from)), sum(min(end, :to))
FROM shown WHERE start < :to AND end >= :from GROUP BY 1, 2, 3"""

_SEEN = "start < :to AND end >= :from AND (:node IS NULL OR node = :node)"

_PLACE = f"""{_SHOWN}, own AS (
  SELECT start, job_id, attempt FROM shown WHERE job_id = :anchor AND {_SEEN} ORDER BY attempt DESC LIMIT 1)
SELECT count(*) FROM own JOIN shown ON {_SEEN.replace("start", "shown.start")}
WHERE (shown.start, shown.job_id, shown.attempt) <= (own.start, own.job_id, own.attempt)"""

_BARS = f"""{_SHOWN}
SELECT job_id AS id, job.name, attempt, shown.status, node, CAST(start AS INTEGER) AS start,
  CASE WHEN shown.status <> 4 THEN CAST(end AS INTEGER) END AS end
FROM (
  SELECT * FROM shown WHERE {_SEEN} ORDER BY start, job_id, attempt LIMIT :limit OFFSET :offset
) AS shown JOIN job ON job.id = job_id ORDER BY start, job_id, attempt"""


class Group(NamedTuple):
    """Attempts of a runner that began in one part and ended in another; sums of when, in ms since 1970."""

    node: int
    first: int
    last: int
    attempts: int
    starts: float
    ends: float


@dataclass(slots=True)
class Load:
    """How long attempts ran in each part, in ms, of a runner."""

    busy: list[float]
    through: list[int] = field(default_factory=list)
    """By how many more (or fewer) ran all through each part than through the one before."""
    jobs: int = 0


def check(ask: TimelineQuery) -> None:
    """Invalid for what would make the answer large, or is no time."""
    if not 0 < ask.parts <= MOST_PARTS:
        raise Invalid(f"parts {ask.parts} must be from 1 to {MOST_PARTS}")
    if not 0 <= ask.limit <= MOST_BARS:
        raise Invalid(f"limit {ask.limit} must be from 0 to {MOST_BARS}")
    if ask.from_ms is not None and ask.to_ms is not None and ask.from_ms >= ask.to_ms:
        raise Invalid(f"from_ms {ask.from_ms} must be before to_ms {ask.to_ms}")


def timeline(conn: Connection, workflow_id: int, ask: TimelineQuery) -> Timeline:
    """See `Timeline`. NotFound, Invalid."""
    check(ask)
    flow = conn.exec_driver_sql("SELECT name, run_id FROM workflow WHERE id = ?", (workflow_id,)).one_or_none()
    if flow is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    now = now_ms()
    known: dict[str, Any] = {"workflow": workflow_id, "run": flow[1], "now": now}
    first, last, attempts, running = driver_connection(conn).execute(_EXTENT, known).fetchone()
    begin, step = _scale(ask, int(first or now), int(last or now), bool(running))
    found = Timeline(
        workflow_id=workflow_id, name=flow[0], run=flow[1], from_ms=begin, step_ms=step, now_ms=now, attempts=attempts,
        is_running=bool(running), offset=max(ask.offset, 0),
    )  # fmt: skip
    if attempts:
        known |= {"from": begin, "to": begin + step * ask.parts, "step": step}
        _add_loads(conn, found, known, ask)
        known |= {"node": ask.node, "limit": ask.limit, "anchor": ask.anchor}
        if ask.anchor is not None and (before := driver_connection(conn).execute(_PLACE, known).fetchone()[0]):
            found.anchor = before - 1
            found.offset = max(before - 1 - ask.before, 0)
        found.bars = _bars(conn, known | {"offset": found.offset})
    return found


def _scale(ask: TimelineQuery, first: int, last: int, running: bool) -> tuple[int, int]:
    """Where the parts begin, and how long each is."""
    begin = first if ask.from_ms is None else ask.from_ms
    end = ask.to_ms if ask.to_ms is not None else max(last, begin + SHORTEST_MS)
    step = -(-max(end - begin, 1) // ask.parts)
    if running and ask.to_ms is None:
        power = 10 ** (len(str(step)) - 1)
        step = next((int(power * size) for size in STEPS if int(power * size) >= step), power * 10)
    return begin, step


def _add_loads(conn: Connection, found: Timeline, known: dict[str, Any], ask: TimelineQuery) -> None:
    groups = [Group._make(row) for row in driver_connection(conn).execute(_LOADS, known)]
    loads: dict[int, Load] = defaultdict(lambda: Load([0.0] * ask.parts, [0] * (ask.parts + 1)))
    together = Load([0.0] * ask.parts, [0] * (ask.parts + 1))
    for group in groups:
        _count(loads[group.node], group, found)
        _count(together, group, found)
    found.nodes_total = len(loads)
    told = sorted(loads)[:NODES]
    if ask.node in loads and ask.node not in told:
        told[-1] = ask.node
    hosts = _hosts(conn, told)
    found.nodes = [_load(node, hosts.get(node, ""), loads[node], found) for node in told]
    if groups:
        found.all = _load(0, "", together, found)
    found.total = together.jobs if ask.node is None else loads[ask.node].jobs if ask.node in loads else 0


def _count(load: Load, group: Group, found: Timeline) -> None:
    """Add the time that the attempts of a group ran to each part."""
    load.jobs += group.attempts
    if group.first == group.last:
        load.busy[group.first] += group.ends - group.starts
        return
    after_first = found.from_ms + (group.first + 1) * found.step_ms
    load.busy[group.first] += group.attempts * after_first - group.starts
    load.busy[group.last] += group.ends - group.attempts * (found.from_ms + group.last * found.step_ms)
    load.through[group.first + 1] += group.attempts
    load.through[group.last] -= group.attempts


def _load(node: int, host: str, load: Load, found: Timeline) -> NodeLoad:
    running: list[float] = []
    through, begin = 0, found.from_ms
    for busy, change in zip(load.busy, load.through, strict=False):
        through += change
        passed = found.now_ms - begin  # of the part in which it is now, only that much
        length = passed if 0 < passed < found.step_ms else found.step_ms
        running.append(round(max(through + busy / length, 0.0), 2))
        begin += found.step_ms
    return NodeLoad(id=node, host=host, jobs=load.jobs, running=running)


def _hosts(conn: Connection, nodes: Sequence[int]) -> dict[int, str]:
    rows = conn.exec_driver_sql(
        "SELECT id, hostname FROM compute_node WHERE id IN (SELECT value FROM json_each(?))",
        (msgspec.json.encode(nodes).decode(),),
    )
    return {row[0]: row[1] for row in rows}


def _bars(conn: Connection, known: dict[str, Any]) -> list[Row]:
    cursor = driver_connection(conn).execute(_BARS, known)
    names = [column[0] for column in cursor.description]
    rows = [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in cursor]
    for row in rows:
        row["status"] = JobStatus(row["status"]).label
    return rows


@get("/workflows/{id:str}/timeline", query=TimelineQuery, answer=Timeline)
async def get_timeline(request: Call) -> Answer:
    """When the attempts of a workflow's run ran, and on which runners."""
    return json_answer(await request.db.read(timeline, request.number(), request.ask(TimelineQuery)))


HANDLERS = [get_timeline]
