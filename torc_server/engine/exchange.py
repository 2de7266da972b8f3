"""The runners' side of the writer: takes their calls, holds those that wait, answers them (models/exchange.py)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain

from sqlalchemy import Connection

from torc_core.crash import crash_point
from torc_core.models.exchange import ExchangeAnswer, ExchangeRequest, StopOrder
from torc_core.models.status import ACTIVE, JobStatus
from torc_server.engine.actions import IN_THE_LOOP, pending
from torc_server.engine.assignment import assignments
from torc_server.engine.leases import leave, lose
from torc_server.engine.nodes import Call, LostNode, Node, Nodes, answer_all
from torc_server.engine.progress import Progress, progress
from torc_server.engine.ready import ready_classes
from torc_server.engine.report import apply_reports
from torc_server.engine.serve import Fairness, Want, share_out, wants_of
from torc_server.engine.stuck import why_stuck
from torc_server.engine.unblock import propagate
from torc_server.errors import NotFound
from torc_server.store.batch import Batch, store_fails
from torc_server.store.writer import Writer

log = logging.getLogger("torc_server.exchange")

LEASE_S = 60.0
"""How long a runner may be silent before its jobs are given to others."""

HOLD_S = 10.0
"""No call is held longer: only a call's arrival renews the lease."""

AGAIN_S = 1.0
"""Leases are looked at again so long after that could not be committed."""

CALL_ROWS = 2
"""What a call costs that reports nothing, in reported jobs."""

_NODE = (
    "SELECT id, workflow_id, num_cpus, memory_gb, num_gpus, num_nodes, scheduler_config_id, hostname FROM compute_node"
)


class Runners:
    """Implements the writer's `Exchanges` and the `exchange` that the API calls."""

    def __init__(self, writer: Writer, *, lease_s: float = LEASE_S, fairness: Fairness | None = None) -> None:
        self.nodes = Nodes(lease_s)
        self._writer = writer
        self._fairness = fairness or Fairness()
        self._fair: dict[int, Fairness] = {}
        """By workflow, where somebody waits in vain."""
        self._not_before = 0.0
        self._closed = False
        self._gone: set[int] = set()
        """Nodes that left or were lost in the batch under way: it hands them nothing."""
        self._newest: dict[int, int] = {}
        """The highest sequence number of each node's calls in the batch under way."""

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
        self._not_before = 0.0
        self._writer.wake()

    def hurry(self, workflow_id: int, within_s: float) -> None:
        """Answer now what would be held for longer: the next calls tell how things are then."""
        latest = time.monotonic() + within_s
        late = [
            call for node in self.nodes.of_workflow(workflow_id) if (call := node.waiting) and call.expires > latest
        ]
        for call in late:
            call.expires = 0.0
        if late:
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
        """Seconds until something must happen without a call: a held one to answer, a lease to end; else infinity."""
        nodes = self.nodes.by_id.values()
        times = [node.waiting.expires for node in nodes if node.waiting is not None]
        if times and self._closed:
            return 0.0
        if nodes:
            lease = min(0.0 if node.id in self.nodes.dead else node.expires for node in nodes)
            times.append(max(lease, self._not_before))
        return min(times) - time.monotonic() if times else float("inf")

    def rows(self, call: Call) -> int:
        """What a call costs a batch: the jobs that it reports on, and as much as `CALL_ROWS` of them for itself."""
        return CALL_ROWS + call.rows

    def failed(self, calls: Sequence[Call], error: BaseException) -> None:
        """The batch was not committed: its calls get the error, and held ones, which may have been part of it, too."""
        self._not_before = time.monotonic() + AGAIN_S
        held = [node.waiting for node in self.nodes.by_id.values() if node.waiting is not None]
        for node in self.nodes.by_id.values():
            node.waiting = None
        for call in [*calls, *held]:
            call.reject(error)

    def tick(self, batch: Batch) -> None:
        """End the leases that ran out."""
        now = time.monotonic()
        for node in self.nodes.expired() if now >= self._not_before else ():
            reason = "its process ended" if node.id in self.nodes.dead else f"silent for {self.nodes.lease_s:g} s"
            log.warning("runner %s on %s is lost: %s", node.id, node.hostname, reason)
            try:
                with batch.part() as part:
                    jobs = lose(part, node.id, reason, node.ahead)
                    propagate(part)
            except Exception as error:
                if store_fails(batch.conn, error):
                    raise
                log.exception("runner %s cannot be given up; it is tried again", node.id)
                self._not_before = now + AGAIN_S
            else:
                self._gone.add(node.id)
                batch.after_commit.append(partial(self._forget, node))
                gone = LostNode(node.id, node.hostname, node.workflow_id, batch.now_ms, reason, jobs)
                batch.after_commit.append(partial(self.nodes.lost.append, gone))

    def apply(self, batch: Batch, calls: list[Call]) -> None:
        """Phase one: what the calls report and what that sets off; whoever calls is alive, so leases are looked at
        (`tick`) after this.

        All calls together; when that fails for another reason than the store's, one by one, so that the one that is the
        reason is refused alone.
        """
        self._gone.clear()
        self._newest.clear()
        known = [call for call in calls if self._admit(batch, call)]
        if not known:
            return
        try:
            self._apply_together(batch, known)
            return
        except Exception as error:
            if store_fails(batch.conn, error):
                raise
            if len(known) > 1:
                log.warning("reports of %s runners are applied one by one: %s", len(known), error)
        for call in known:
            try:
                self._apply_together(batch, [call])
            except Exception as error:
                if store_fails(batch.conn, error):
                    raise
                log.exception("call %s of runner %s is refused", call.request.sequence, call.node_id)
                call.error = error

    def _apply_together(self, batch: Batch, calls: list[Call]) -> None:
        for call in calls:
            call.begin_answer()
        leaving = [call for call in calls if call.request.leaving and not call.is_late]
        with batch.part() as part:
            apply_reports(part, calls)
            for call in leaving:
                leave(part, call.node_id)
                part.wake_workflows.add(call.workflow_id)
            propagate(part)
        self._gone.update(call.node_id for call in leaving)

    def serve(self, batch: Batch, calls: list[Call]) -> Callable[[], None]:
        """Phase three: jobs, stop orders and news for the newest call of each node; returns what follows the commit."""
        for call in calls:
            if call.node_id in self._gone and not call.request.leaving:
                call.error = _not_active(call)
        good = [call for call in calls if call.error is None]
        fresh = {call.node_id: call for call in good if not call.is_late}
        superseded = [call for call in good if fresh.get(call.node_id) is not call]
        opened: defaultdict[int, list[tuple[Call, Node]]] = defaultdict(list)
        for node in self.nodes.by_id.values():
            if node.id in fresh:
                opened[node.workflow_id].append((fresh[node.id], node))
                if node.waiting is not None:
                    superseded.append(node.waiting)
            elif (node.waiting is not None and node.id not in self._gone) and (
                node.workflow_id in batch.wake_workflows
                or node.id in batch.wake_nodes
                or node.waiting.expires <= time.monotonic()
                or self._closed
            ):
                node.waiting.begin_answer()
                opened[node.workflow_id].append((node.waiting, node))
        answered: list[tuple[Call, Node]] = []
        for workflow_id, calling in opened.items():
            answered += self._serve_workflow(batch, workflow_id, calling)

        def after_commit() -> None:
            if any(call.answer.jobs for call, _ in answered):
                crash_point("server.claim.committed")
            if any(call.request.results for call, _ in answered):
                crash_point("server.result.committed")
            for call, node in chain.from_iterable(opened.values()):
                node.waiting = call
                node.newest = max(node.newest, call.request.sequence)
            for _, node in answered:
                node.waiting = None
            for call, node in chain.from_iterable(opened.values()):
                if call.request.leaving:
                    self._forget(node)
            for call in [*calls, *(call for call, _ in answered)]:
                if call.error is not None:
                    call.reject(call.error)
            answer_all([*superseded, *(call for call, _ in answered if call.error is None)])

        return after_commit

    def _serve_workflow(
        self, batch: Batch, workflow_id: int, calling: list[tuple[Call, Node]]
    ) -> list[tuple[Call, Node]]:
        """Serve the runners of one workflow; returns those that are answered now.

        What is wrong with a workflow is its runners' trouble only: they get the error, and what they reported stays.
        """
        is_new = workflow_id in batch.new_actions
        try:
            with batch.part() as part:
                state = progress(part, workflow_id)
                for call, node in calling:
                    self._compare_held(part, call, node, state)
                if state is not None and (wants := wants_of(calling)):
                    self._share(part, workflow_id, state, wants)
                    state = state.handed_out(sum(len(want.taken) for want in wants))
                if state is None or not state.count(JobStatus.READY):
                    part.after_commit.append(partial(self._fair.pop, workflow_id, None))
                return [(call, node) for call, node in calling if self._finish(part, call, state, is_new)]
        except Exception as error:
            if store_fails(batch.conn, error):
                raise
            log.exception("runners of workflow %s cannot be served", workflow_id)
            for call, _ in calling:
                call.error = error
            return calling

    def _admit(self, batch: Batch, call: Call) -> bool:
        """Whether the caller is a runner of its workflow; if so its lease runs anew."""
        node = self._node(batch, call)
        if node is None:
            call.error = _not_active(call)
            return False
        self.nodes.renew(node)
        sequence = call.request.sequence
        call.is_late = sequence < max(node.newest, self._newest.get(node.id, 0))
        if not call.is_late:
            self._newest[node.id] = sequence
            node.ignores_resources = call.request.ignore_resources
        return True

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
            node.waiting.reject(NotFound(f"compute node {node.id} is not active any more"))
        if not self.nodes.of_workflow(node.workflow_id):
            self._fair.pop(node.workflow_id, None)

    def _compare_held(self, batch: Batch, call: Call, node: Node, now: Progress | None) -> None:
        """Send again what the node lacks; stop what it should not have."""
        if now is None:
            return
        assigned = {
            row[0]: (row[1], row[2])
            for row in batch.run("SELECT id, attempt_id, status FROM job WHERE node_id = ?", node.id)
        }
        if node.ahead:
            waiting = {pair for pair in node.ahead if assigned.get(pair[0]) == (pair[1], JobStatus.PENDING)}
            batch.after_commit.append(partial(setattr, node, "ahead", waiting))
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

    def _share(self, batch: Batch, workflow_id: int, now: Progress, wants: list[Want]) -> None:
        if now.is_canceled or now.busy or not now.count(JobStatus.READY):
            return
        live = {node.id for node in self._live(workflow_id)}
        fair = self._fair.get(workflow_id, self._fairness).copy()
        share_out(batch, workflow_id, now.sort_method, now.count(JobStatus.READY), wants, live, fair)
        for want in wants:
            jobs = assignments(batch, want.taken, now.run_id)
            want.call.answer.jobs += jobs
            if want.taken:
                batch.after_commit.append(partial(setattr, want.node, "served", time.monotonic()))
            if want.ahead:
                ids = set(want.ahead)
                pairs = [(job.job_id, job.attempt_id) for job in jobs if job.job_id in ids]
                batch.after_commit.append(partial(_note_ahead, want.node, pairs))
        batch.after_commit.append(partial(self._fair.__setitem__, workflow_id, fair))

    def _finish(self, batch: Batch, call: Call, now: Progress | None, is_new: bool) -> bool:
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
            stuck = why_stuck(now, classes, self._live(call.workflow_id))
            answer.stuck = stuck.why if stuck else None
        return bool(
            answer.jobs
            or answer.stop
            or answer.refused
            or answer.stuck
            or answer.state != "active"
            or call.has_news
            or is_new
            or call.expires <= time.monotonic()
            or self._closed
        )


def _note_ahead(node: Node, pairs: list[tuple[int, int]]) -> None:
    node.ahead.update(pairs)


def _not_active(call: Call) -> NotFound:
    return NotFound(f"compute node {call.node_id} of workflow {call.workflow_id} is not active")
