"""A server of one workflow: hands out given jobs by the rules of models/exchange.py and records what it is told."""

from __future__ import annotations

import contextlib
import copy
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import msgspec

from torc_core.models.exchange import (
    Assignment,
    Attempt,
    AttemptResult,
    ExchangeAnswer,
    ExchangeRequest,
    Started,
    StopOrder,
)
from torc_core.models.resources import ComputeNode, Workflow

MIB = 1 << 20


class FakeServer:
    """Listens on a free port of 127.0.0.1 from the start; `leave` and `come_back` make it unreachable for a while."""

    def __init__(self, **workflow: Any) -> None:
        self.workflow = self.workflow_of(**workflow)
        self.ready: deque[Assignment] = deque()
        self.assigned: dict[Attempt, Assignment] = {}
        self.stops: dict[Attempt, StopOrder] = {}
        self.results: dict[int, AttemptResult] = {}
        self.result_deliveries: list[Attempt] = []
        self.started: list[Started] = []
        self.released: list[Attempt] = []
        self.calls: list[ExchangeRequest] = []
        self.nodes: list[ComputeNode] = []
        self.authorization: str | None = None
        self.left = False
        self.keep_open = False
        self.state: Literal["active", "complete", "canceled"] | None = None
        self.stuck: str | None = None
        self.run_id = 1
        self.swallow_answers = 0
        """So many answers to reporting calls are lost on the way."""
        self.repeat_everything = False
        """Every assignment is sent again with every answer."""
        self.hold_s = 10.0
        """No call is held longer."""
        self.refuse_with = 0
        """HTTP status of every answer, if not 0."""
        self.unwanted: dict[int, int] = {}
        """HTTP status of a call that brings a result with this return code, unless it is a bare one (no stderr)."""
        self.database_uuid = "6f1c0b52-fake"
        self._attempts = 0
        self._newest = 0
        self._changed = threading.Condition()
        self._connections: set[socket.socket] = set()
        self.port = 0
        self.come_back()

    @staticmethod
    def workflow_of(**fields: Any) -> Workflow:
        """The workflow, with these fields."""
        return Workflow(id=1, name="fake", user="me", **fields)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def job(self, command: str, **fields: Any) -> Assignment:
        """Add a job that is ready; returns it with its id and attempt 1."""
        values: dict[str, Any] = {
            "name": f"job{self._attempts}",
            "resource_requirements_id": 1,
            "num_cpus": 1,
            "memory_bytes": MIB,
        }
        values |= {"limits": False} | fields
        with self._changed:
            self._attempts += 1
            job = Assignment(
                job_id=values.pop("job_id", self._attempts), run_id=1, attempt_id=1, command=command, **values
            )
            self.ready.append(job)
            self._changed.notify_all()
        return job

    def stop(self, job: Assignment, reason: Literal["canceled", "superseded"]) -> None:
        """Order an attempt to end, as canceled or superseded."""
        attempt = Attempt(job.job_id, job.attempt_id)
        with self._changed:
            self.stops[attempt] = StopOrder(job.job_id, job.attempt_id, reason)
            if reason == "superseded":
                self.assigned.pop(attempt, None)
            self._changed.notify_all()

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 15.0) -> None:
        """Wait for a condition on what was recorded; AssertionError says what did not happen."""
        with self._changed:
            if not self._changed.wait_for(condition, seconds):
                raise AssertionError(f"{what} did not happen in {seconds} s; results: {self.results}")

    def change(self, **values: Any) -> None:
        """Set attributes and answer calls that are held."""
        with self._changed:
            for name, value in values.items():
                setattr(self, name, value)
            self._changed.notify_all()

    def leave(self) -> None:
        """Stop listening and break all connections."""
        self._server.shutdown()
        self._server.server_close()
        with self._changed:
            for connection in list(self._connections):
                with contextlib.suppress(OSError):  # its thread may be closing it
                    connection.shutdown(socket.SHUT_RDWR)
            self._connections.clear()
            self._changed.notify_all()

    def come_back(self) -> None:
        """Listen, on the same port as before."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                fake._connections.add(self.connection)

            def finish(self) -> None:
                fake._connections.discard(self.connection)
                super().finish()

            def do_GET(self) -> None:
                fake._handle(self, b"")

            def do_POST(self) -> None:
                fake._handle(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def _handle(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        path = handler.path.removeprefix("/torc-service/v1")
        status = 200
        self.authorization = handler.headers.get("Authorization")
        answer: Any
        if path == "/workflows/1":
            answer = self.workflow
        elif path == "/workflows/1/summary":
            completed = sum(result.status == "completed" for result in self.results.values())
            answer = {"run_id": self.run_id, "total": self._attempts, "counts": {"completed": completed}}
        elif path == "/workflows/1/actions":
            answer = []
        elif path == "/server":
            answer = {"database_uuid": self.database_uuid}
        elif path == "/compute_nodes":
            node = msgspec.json.decode(body, type=ComputeNode)
            node.id = 7
            self.nodes.append(node)
            answer = node
        elif path == "/workflows/1/compute_nodes/7/exchange":
            request = msgspec.json.decode(body, type=ExchangeRequest)
            refusals = [
                self.unwanted[r.return_code]
                for r in request.results
                if r.return_code in self.unwanted and r.stderr_tail
            ]
            status = self.refuse_with or (refusals[0] if refusals else 200)
            answer = self._exchange(request) if status == 200 else self._refuse(request)
            if (request.results or request.started) and self.swallow_answers:
                self.swallow_answers -= 1
                handler.close_connection = True
                return
        else:
            status, answer = 404, {"error": {"message": f"{path} not found"}}
        content = msgspec.json.encode(answer)
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _refuse(self, request: ExchangeRequest) -> dict[str, Any]:
        """Take nothing of what is told."""
        with self._changed:
            self.calls.append(request)
            self._changed.notify_all()
        return {"error": {"message": "not this one"}}

    def _exchange(self, request: ExchangeRequest) -> ExchangeAnswer:
        answer = ExchangeAnswer(acknowledged=request.sequence, run_id=self.run_id)
        deadline = time.monotonic() + min(request.wait_ms / 1000, self.hold_s)
        with self._changed:
            self.calls.append(request)
            self._newest = max(self._newest, request.sequence)
            self._apply(request, answer)
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._newest > request.sequence or self._serve(request, answer),
                max(0.0, deadline - time.monotonic()),
            )
            return answer

    def _apply(self, request: ExchangeRequest, answer: ExchangeAnswer) -> None:
        for result in request.results:
            attempt = Attempt(result.job_id, result.attempt_id)
            self.result_deliveries.append(attempt)
            if self.assigned.pop(attempt, None) is not None:
                self.results[result.job_id] = result
                self.stops.pop(attempt, None)
            elif result.job_id not in self.results:
                answer.refused.append(attempt)
        self.started += request.started
        for attempt in request.released:
            self.released.append(attempt)
            job = self.assigned.pop(attempt, None)
            if job is not None:
                self.ready.append(job)
        if request.leaving:
            self.left = True

    def _serve(self, request: ExchangeRequest, answer: ExchangeAnswer) -> bool:
        """Fill the answer; True when there is something to say. Called under the lock."""
        if request.leaving:
            return True
        held = set(request.held)
        lacking = [job for attempt, job in self.assigned.items() if self.repeat_everything or attempt not in held]
        taken = []
        free, slots = copy.copy(request.free), request.slots
        ahead = request.prefetch.count if request.prefetch else 0
        for job in list(self.ready):
            now = slots > 0 and (
                request.ignore_resources
                or (
                    job.num_cpus <= free.num_cpus
                    and job.memory_bytes <= free.memory_bytes
                    and job.num_gpus <= free.num_gpus
                )
            )
            if now:
                slots -= 1
                free.num_cpus -= job.num_cpus
                free.memory_bytes -= job.memory_bytes
                free.num_gpus -= job.num_gpus
            elif ahead > 0:
                ahead -= 1
            else:
                break
            self.ready.popleft()
            taken.append(job)
            self.assigned[Attempt(job.job_id, job.attempt_id)] = job
        answer.jobs = lacking + taken
        answer.stop = [order for attempt, order in self.stops.items() if attempt in held]
        if self.state is not None:
            answer.state = self.state
        elif not self.ready and not self.assigned and not self.keep_open and self._attempts:
            answer.state = "complete"
        answer.stuck = self.stuck
        return bool(answer.jobs or answer.stop or answer.stuck or answer.state != "active")
