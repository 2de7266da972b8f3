"""The runners' side of the writer: takes their calls, holds those that wait, answers them (models/exchange.py)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection

from torc_core.crash import crash_point
from torc_core.models.exchange import ExchangeAnswer, ExchangeRequest, StopOrder
from torc_core.models.status import ACTIVE, JobStatus
from torc_server.engine.actions import IN_THE_LOOP, pending
from torc_server.engine.assignment import assignments
from torc_server.engine.leases import leave, lose
from torc_server.engine.nodes import Call, Node, Nodes
from torc_server.engine.progress import Progress, progress
from torc_server.engine.ready import ready_classes
from torc_server.engine.report import apply_reports
from torc_server.engine.serve import Fairness, Want, share_out, wants_of
from torc_server.engine.stuck import why_stuck
from torc_server.errors import NotFound
from torc_server.store.batch import Batch
from torc_server.store.writer import Writer

log = logging.getLogger("torc_server.exchange")

LEASE_S = 60.0
"""How long a runner may be silent before its jobs are given to others."""

HOLD_S = 10.0
"""No call is held longer: only a call's arrival renews the lease."""

TICK_S = 1.0
"""How often leases are looked at."""

_NODE = (
    "SELECT id, workflow_id, num_cpus, memory_gb, num_gpus, num_nodes, scheduler_config_id, hostname FROM compute_node"
)


class Runners:
    """Implements the writer's `Exchanges` and the `exchange` that the API calls."""

    def __init__(self, writer: Writer, *, lease_s: float = LEASE_S, fairness: Fairness | None = None) -> None:
        self.nodes = Nodes(lease_s)
        self.fair = fairness or Fairness()
        self._writer = writer
        self._next_tick = 0.0
        self._closed = False
        self._gone: set[int] = set()
        """Nodes that left or were lost in the batch under way: it hands them nothing."""

    async def exchange(self, node_id: int, workflow_id: int, request: ExchangeRequest) -> ExchangeAnswer:
        """One call of a runner; returns when it is answered. NotFound when the node is unknown or has left."""
        loop = asyncio.get_running_loop()
        hold = min(request.wait_ms / 1000, HOLD_S, self.nodes.lease_s / 3)
        call = Call(node_id, workflow_id, request, loop, loop.create_future(), time.monotonic() + hold)
        call.answer.acknowledged = request.sequence
        self._writer.exchange(call)
        return await call.done

    def registered(self, batch: Batch, node_id: int) -> None:
        """A runner registered in this batch: its lease begins with the commit."""
        row = batch.run(f"{_NODE} WHERE id = ?", node_id).one()
        batch.after_commit.append(partial(self.nodes.add, tuple(row)))

    def died(self, node_id: int) -> None:
        """The process of a runner on this host ended: its lease ends at the next batch."""
        if node_id not in self.nodes.by_id:
            return  # it has left, or never made a call
        self.nodes.dead.add(node_id)
        self._next_tick = 0.0
        self._writer.wake()

    def hurry(self, workflow_id: int) -> None:
        """Hold no call of the workflow's runners any longer: the next ones tell how things are now."""
        for node in self.nodes.of_workflow(workflow_id):
            if (held := node.waiting) is not None:
                held.expires = 0.0
        self._writer.wake()

    def close(self) -> None:
        """Hold no call any more: those that wait are answered now, so that nothing keeps the server from ending."""
        self._closed = True
        self._writer.wake()

    def load(self, conn: Connection) -> None:
        """At start: every runner that was active gets a full lease, to come back or to be declared lost."""
        for row in conn.exec_driver_sql(f"{_NODE} WHERE is_active = 1 AND uuid IS NOT NULL").all():
            self.nodes.add(tuple(row))

    def due(self) -> float:
        """Seconds until something must happen without a call: a held one to answer, a lease to look at."""
        held = [node.waiting.expires for node in self.nodes.by_id.values() if node.waiting is not None]
        if held and self._closed:
            return 0.0
        times = [*held, self._next_tick] if self.nodes.by_id else held
        return min(times) - time.monotonic() if times else 60.0

    def failed(self, calls: Sequence[Call], error: BaseException) -> None:
        """The batch was not committed: its calls get the error, and held ones, which may have been part of it, too."""
        self._next_tick = time.monotonic() + TICK_S
        held = [node.waiting for node in self.nodes.by_id.values() if node.waiting is not None]
        for node in self.nodes.by_id.values():
            node.waiting = None
        for call in [*calls, *held]:
            _reject(call, error)

    def tick(self, batch: Batch) -> None:
        """End the leases that ran out."""
        now = time.monotonic()
        if now < self._next_tick:
            return
        self._next_tick = now + TICK_S
        for node in self.nodes.expired():
            reason = "its process ended" if node.id in self.nodes.dead else f"silent for {self.nodes.lease_s:g} s"
            log.warning("runner %s on %s is lost: %s", node.id, node.hostname, reason)
            lose(batch, node.id, reason)
            self._gone.add(node.id)
            batch.after_commit.append(partial(self._forget, node))

    def apply(self, batch: Batch, calls: list[Call]) -> None:
        """Phase one: what the calls report; whoever calls is alive, so leases are looked at (`tick`) after this."""
        self._gone.clear()
        known = []
        for call in calls:
            node = self._node(batch, call)
            if node is None:
                call.answer.acknowledged = -1
                continue
            self.nodes.renew(node)
            node.ignores_resources = call.request.ignore_resources
            known.append(call)
        apply_reports(batch, known)
        for call in known:
            if call.request.leaving:
                leave(batch, call.node_id)
                self._gone.add(call.node_id)
                batch.wake_workflows.add(call.workflow_id)

    def serve(self, batch: Batch, calls: list[Call]) -> Callable[[], None]:
        """Phase three: jobs, stop orders and news for the newest call of each node; returns what follows the commit."""
        for call in calls:
            if call.node_id in self._gone and not call.request.leaving:
                call.answer.acknowledged = -1
        unknown = [call for call in calls if call.answer.acknowledged < 0]
        fresh = {call.node_id: call for call in calls if call.answer.acknowledged >= 0}
        superseded = [call for call in calls if call.answer.acknowledged >= 0 and fresh[call.node_id] is not call]
        opened: list[tuple[Call, Node]] = []
        for node in self.nodes.by_id.values():
            if node.id in fresh:
                opened.append((fresh[node.id], node))
                if node.waiting is not None:
                    superseded.append(node.waiting)
            elif (node.waiting is not None and node.id not in self._gone) and (
                node.workflow_id in batch.wake_workflows
                or node.id in batch.wake_nodes
                or node.waiting.expires <= time.monotonic()
                or self._closed
            ):
                opened.append((node.waiting, node))
        states = {w: progress(batch, w) for w in {call.workflow_id for call, _ in opened}}
        for call, node in opened:
            self._compare_held(batch, call, node, states[call.workflow_id])
        for workflow_id, wants in wants_of(opened).items():
            self._share(batch, workflow_id, states[workflow_id], wants)
            states[workflow_id] = progress(batch, workflow_id)
        answered = [(call, node) for call, node in opened if self._finish(batch, call, states[call.workflow_id])]

        def after_commit() -> None:
            if any(call.answer.jobs for call, _ in answered):
                crash_point("server.claim.committed")
            if any(call.request.results for call, _ in answered):
                crash_point("server.result.committed")
            for call, node in opened:
                node.waiting = call
            for _, node in answered:
                node.waiting = None
            for call, node in opened:
                if call.request.leaving:
                    self._forget(node)
            for call in unknown:
                _reject(call, NotFound(f"compute node {call.node_id} of workflow {call.workflow_id} is not active"))
            _resolve([*superseded, *(call for call, _ in answered)])

        return after_commit

    def _node(self, batch: Batch, call: Call) -> Node | None:
        node = self.nodes.by_id.get(call.node_id)
        if node is None:
            row = batch.run(f"{_NODE} WHERE id = ? AND is_active = 1", call.node_id).one_or_none()
            node = self.nodes.add(tuple(row)) if row is not None else None
        return node if node is not None and node.workflow_id == call.workflow_id else None

    def _live(self, workflow_id: int) -> list[Node]:
        """The workflow's nodes that this batch leaves alive."""
        return [node for node in self.nodes.of_workflow(workflow_id) if node.id not in self._gone]

    def _forget(self, node: Node) -> None:
        self.nodes.by_id.pop(node.id, None)
        self.nodes.dead.discard(node.id)
        if node.waiting is not None:
            _reject(node.waiting, NotFound(f"compute node {node.id} is not active any more"))

    def _compare_held(self, batch: Batch, call: Call, node: Node, now: Progress | None) -> None:
        """Send again what the node lacks; stop what it should not have."""
        if now is None:
            return
        assigned = {
            row[0]: (row[1], row[2])
            for row in batch.run("SELECT id, attempt_id, status FROM job WHERE node_id = ?", node.id)
        }
        reported = {(r.job_id, r.attempt_id) for r in call.request.results}
        held = {(a.job_id, a.attempt_id) for a in call.request.held} - reported
        for job, attempt in held:
            have = assigned.get(job)
            if have is None or have[0] != attempt:
                call.answer.stop.append(StopOrder(job, attempt, "superseded"))
            elif have[1] == JobStatus.CANCELED:
                call.answer.stop.append(StopOrder(job, attempt, "canceled"))
        lacking = [job for job, (attempt, status) in assigned.items() if (job, attempt) not in held]
        again = [job for job in lacking if assigned[job][1] in ACTIVE]
        gone = [job for job in lacking if assigned[job][1] not in ACTIVE]
        if again and not call.request.leaving:
            call.answer.jobs += assignments(batch, again, now.run_id)
        if gone:  # canceled before the node had it: there is no process to wait for
            batch.run("UPDATE job SET node_id = NULL WHERE id IN (SELECT value FROM json_each(?))", batch.json(gone))

    def _share(self, batch: Batch, workflow_id: int, now: Progress | None, wants: list[Want]) -> None:
        if now is None or now.is_canceled or now.busy or not now.count(JobStatus.READY):
            return
        live = {node.id for node in self._live(workflow_id)}
        share_out(batch, workflow_id, now.sort_method, now.count(JobStatus.READY), wants, live, self.fair)
        for want in wants:
            want.call.answer.jobs += assignments(batch, want.taken, now.run_id)

    def _finish(self, batch: Batch, call: Call, now: Progress | None) -> bool:
        """Complete the answer; False when there is nothing to say yet and the call may be held."""
        answer = call.answer
        answer.lease_s = self.nodes.lease_s
        if now is None:
            answer.state = "canceled"
            return True
        answer.run_id = now.run_id
        if call.workflow_id in batch.watched:
            answer.actions = pending(batch.conn, call.workflow_id, IN_THE_LOOP)
        if now.is_canceled:
            answer.state = "canceled"
        elif now.is_complete and not now.ignore_completion:
            if not any(order.reason == "canceled" for order in answer.stop):  # their ends are still to be reported
                answer.state = "complete"
        elif not answer.jobs and not now.active and not call.request.leaving:
            classes = ready_classes(batch.conn, call.workflow_id, now.sort_method)
            answer.stuck = why_stuck(now, classes, self._live(call.workflow_id))
        return bool(
            answer.jobs
            or answer.stop
            or answer.refused
            or answer.stuck
            or answer.state != "active"
            or call.has_news
            or call.workflow_id in batch.new_actions
            or call.expires <= time.monotonic()
            or self._closed
        )


def _resolve(calls: Sequence[Call]) -> None:
    """Answer calls in the event loops that made them, one hop for all of a loop."""
    by_loop: dict[Any, list[Call]] = {}
    for call in calls:
        by_loop.setdefault(call.loop, []).append(call)
    for loop, mine in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed, and with it those who waited
            loop.call_soon_threadsafe(_set_results, mine)


def _set_results(calls: Sequence[Call]) -> None:
    for call in calls:
        if not call.done.done():
            call.done.set_result(call.answer)


def _reject(call: Call, error: BaseException) -> None:
    def set_error() -> None:
        if not call.done.done():
            call.done.set_exception(error)

    with suppress(RuntimeError):
        call.loop.call_soon_threadsafe(set_error)
