"""The runner's side of the conversation with the server (models/exchange.py has its rules).

Two threads with a connection each: one for calls that report, answered at once, one for calls that only wait, which the
server holds up to WAIT_S. So neither a slow server nor one that is away ever blocks the main loop. At most one
reporting call is under way, so that results pile up into batches; what a call carried is kept until it is acknowledged.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from itertools import islice

import msgspec

from torc_core.crash import crash_point
from torc_core.errors import TorcError
from torc_core.models.exchange import (
    Attempt,
    AttemptResult,
    ExchangeAnswer,
    ExchangeRequest,
    Started,
)
from torc_core.runner.connection import Away, Connection, Refused
from torc_core.runner.journal import Journal
from torc_core.runner.log import Log

WAIT_S = 10.0
"""The longest a call is held by the server, and so the interval of the heartbeat."""

BATCH_S = 0.01
"""A report waits so long for others when there is no idle slot that its answer could fill."""

STARTED_S = 0.02
"""A job that runs longer than this is told as started; shorter ones only with their result."""

BUSY_PAUSE_S = 0.1
"""After a call, a full machine waits so long before it makes one that only listens: a report is due soon anyway."""

MOST_RESULTS = 1_000
"""Results in one call."""

FIRST_RETRY_S, LAST_RETRY_S = 0.05, 2.0
REFUSALS = 8
"""So many refusals in a row that are no 401, 403 or 404, and for which no single result is to blame: then the runner
gives up."""

DEFECT = 500
"""HTTP status of a server that fails over a call: it may be over one of its results."""


class Gone(TorcError):
    """The server does not know this workflow or this runner any more, or refuses it for good."""


class Call:
    """One call under way: what it carries, and how it ended."""

    def __init__(self, request: ExchangeRequest, sent: float) -> None:
        self.sequence = request.sequence
        self.sent = sent
        self.reports = bool(request.results or request.started or request.released or request.leaving)
        self.results = [Attempt(r.job_id, r.attempt_id) for r in request.results]
        self.started = [Attempt(s.job_id, s.attempt_id) for s in request.started]
        self.released = request.released
        self.leaving = request.leaving
        self.patience = request.wait_ms / 1000 + (10.0 if request.wait_ms else 30.0)
        self.body = msgspec.json.encode(request)
        self.answer: ExchangeAnswer | None = None
        self.error: Exception | None = None


class Line(threading.Thread):
    """Makes calls on one connection, one after the other, and hands them back ended."""

    def __init__(self, connection: Connection, path: str, ended: deque[Call], wake: Callable[[], None]) -> None:
        super().__init__(daemon=True, name="exchange")
        self._connection = connection
        self._path = path
        self._ended = ended
        self._wake = wake
        self._calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._decoder = msgspec.json.Decoder(ExchangeAnswer)

    def send(self, call: Call) -> None:
        """Make this call as soon as the one before it has ended."""
        self._calls.put(call)

    def run(self) -> None:
        """The thread's loop; it ends with the process."""
        while True:
            call = self._calls.get()
            try:
                content = self._connection.call("POST", self._path, call.body, call.patience)
                call.answer = self._decoder.decode(content)
            except Exception as error:
                call.error = error
            self._ended.append(call)
            self._wake()


class Conversation:
    """What there is to tell, when to tell it, and what was answered. Used by the main loop's thread only."""

    def __init__(
        self, connect: Callable[[], Connection], path: str, wake: Callable[[], None], log: Log, journal: Journal
    ) -> None:
        self._ended: deque[Call] = deque()
        connections = [connect() for _ in range(2)]
        self._url = connections[0].url
        self._lines = [Line(connection, path, self._ended, wake) for connection in connections]
        for line in self._lines:
            line.start()
        self._log = log
        self.journal = journal
        self._sequence = 0
        self._newest_used = 0
        self._report: Call | None = None
        self._waiting: Call | None = None
        self.results: dict[Attempt, AttemptResult] = {}
        """Not yet acknowledged."""
        self._most = MOST_RESULTS
        """In one call; fewer while one of them is looked for that the server cannot take."""
        self._results_since: float | None = None
        self._started: dict[Attempt, tuple[float, Started]] = {}
        self._released: list[Attempt] = []
        self._ask_now = False
        self.leaving = False
        self.left = False
        """The last call was acknowledged."""
        self.away = False
        self._defect = False
        """The server answers reports with an error of its own."""
        self._retry_at = 0.0
        self._retry_s = FIRST_RETRY_S
        self._refusals = 0
        self._wait_at = 0.0
        self._pace_s = 0.0

    def add_result(self, attempt: Attempt, result: AttemptResult, now: float) -> None:
        """An attempt ended."""
        self.results[attempt] = result
        self.journal.ended(attempt, result)
        self._started.pop(attempt, None)
        self._news(now)

    def add_started(self, started: Started, now: float) -> None:
        """An attempt began. That is told even when its end is not: what never began is handed out as it was."""
        self._started[Attempt(started.job_id, started.attempt_id)] = (now, started)

    def release(self, attempts: list[Attempt], now: float) -> None:
        """Give back what was handed out and never started."""
        if attempts:
            self._released += attempts
            self._news(now)

    def ask_now(self) -> None:
        """Ask for jobs at once, though a call that asked for none may be waiting."""
        self._ask_now = True

    def _news(self, now: float) -> None:
        if self._results_since is None:
            self._results_since = now

    def due(self, idle_slot: bool) -> float:
        """Monotonic time of the next call; infinity while nothing is to be said before an answer comes."""
        if self._report is not None or self.left:
            return float("inf")
        times = []
        if self.leaving or self._ask_now:
            times.append(0.0)
        if self._results_since is not None:
            times.append(self._results_since + (0.0 if idle_slot else BATCH_S))
        if self._started:
            times.append(next(iter(self._started.values()))[0] + STARTED_S)
        if self._waiting is None:
            times.append(self._wait_at if idle_slot or not self._wait_at else self._wait_at + BUSY_PAUSE_S)
        return max(min(times, default=float("inf")), self._retry_at)

    def speak(self, now: float, ask: ExchangeRequest) -> None:
        """Make the call that is due; `ask` says what is wanted and held besides the results."""
        if self._report is not None:
            return
        self._sequence += 1
        ask.sequence = self._sequence
        ask.leaving = self.leaving and len(self.results) <= self._most
        ask.results = list(islice(self.results.values(), self._most))
        ask.started = [started for _, started in self._started.values()]
        ask.released = self._released[:]
        ask.held += self.results
        reports = bool(ask.results or ask.started or ask.released or ask.leaving or self._ask_now)
        self._ask_now = False
        if not reports:
            if self._waiting is not None:
                return
            ask.wait_ms = int(WAIT_S * 1000)
        if ask.results:
            crash_point("runner.report.before")
        call = Call(ask, now)
        self._results_since = None
        if reports:
            self._report = call
        else:
            self._waiting = call
        self._lines[reports].send(call)

    def answers(self, now: float) -> list[ExchangeAnswer]:
        """The answers that came since, those older than the newest used left out. Raises Gone."""
        usable = []
        while self._ended:
            call = self._ended.popleft()
            if call is self._report:
                self._report = None
            if call is self._waiting:
                self._waiting = None
            if call.answer is None:
                self._failed(call, now)
                continue
            self._acknowledged(call, call.answer, now)
            if call.sequence > self._newest_used:
                self._newest_used = call.sequence
                usable.append(call.answer)
                self._pace(call, call.answer, now)
        if self._report is None and self.results and self._results_since is None:
            self._results_since = now
        return usable

    def _acknowledged(self, call: Call, answer: ExchangeAnswer, now: float) -> None:
        if self.away and not self._defect:
            self._log.warn("Server is back")
        self.away = False
        self._refusals = 0
        self._retry_at, self._retry_s = 0.0, FIRST_RETRY_S
        for attempt in answer.refused:
            self._log.warn(f"Result refused, no longer current job_id={attempt.job_id} attempt_id={attempt.attempt_id}")
        if call.results:
            crash_point("runner.report.acknowledged")
            self._most = min(2 * self._most, MOST_RESULTS)
        for attempt in call.results:
            self.results.pop(attempt, None)
        self.journal.acknowledged(call.results)
        if self._defect and not self.results:
            self._defect = False
            self._log.warn("The server takes this runner's calls again")
        for attempt in call.started:
            self._started.pop(attempt, None)
        if call.released:
            del self._released[: len(call.released)]
        if self._released:
            self._news(now)
        self.left = self.left or call.leaving

    def _pace(self, call: Call, answer: ExchangeAnswer, now: float) -> None:
        """When to listen again: soon, but not in a circle, and not while a job just handed out may end at once."""
        in_vain = not call.reports and not answer.jobs and now - call.sent < 0.05 and call.sequence == self._sequence
        self._pace_s = min(max(self._pace_s * 2, 0.05), 1.0) if in_vain else 0.0
        self._wait_at = now + (BATCH_S if answer.jobs else self._pace_s)

    def _failed(self, call: Call, now: float) -> None:
        error = call.error
        if isinstance(error, Refused):
            if error.status == 404 and call.leaving:
                self.left = True  # an earlier last call was heard, only its answer was lost
                return
            if error.status == 404:
                raise Gone(str(error))
            if error.status not in (401, 403):
                if self._set_apart(call, str(error)):
                    self._news(now)
                    return
                self._refusals += 1
            if self._refusals >= REFUSALS:
                raise Gone(f"the server refuses this runner's calls: {error}")
        elif isinstance(error, Away) and error.status == DEFECT:
            self._set_apart(call)
        elif not isinstance(error, Away | msgspec.DecodeError | None):
            raise error
        self._tell(error)
        self.away = True
        if now >= self._retry_at:
            self._retry_at = now + self._retry_s
            self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)
        if self.results or self._released:
            self._news(now)

    def _set_apart(self, call: Call, refusal: str | None = None) -> bool:
        """Find the result over which a call failed, so that it keeps no other back; False when it is none of them.

        Calls bring half as many until one fails with a single result. If it is refused (4xx) it would be for ever: it
        is kept beside the output, and only how the job ended is told. Otherwise it is tried again after the others.
        """
        if not call.results:
            return False
        if len(call.results) > 1:
            self._most = len(call.results) // 2
            return True
        (attempt,) = call.results
        result = self.results.pop(attempt)
        if refusal is None:
            self.results[attempt] = result
            return True
        self.results[attempt] = bare = _bare(result)
        if bare == result:
            return False
        self.journal.refused(attempt, result, bare, refusal)
        return True

    def _tell(self, error: Exception | None) -> None:
        """Say once that the server does not do its part; on the terminal, too, when it is not merely away."""
        if isinstance(error, Away) and error.status == DEFECT:
            if not self._defect:
                said = str(error).removeprefix("HTTP ")
                where = _logs(self._url, self._log)
                self._log.error(f"the server answers {said}; results are kept, and sent again; {where}")
            self._defect = True
        elif not self.away and not self._newest_used:
            self._log.error(f"the server does not answer this runner's calls: {error}; trying again")
        elif not self.away:
            self._log.warn(f"Server is away, work goes on: {error}")


def _bare(result: AttemptResult) -> AttemptResult:
    """How the job ended, and nothing that a server could mind."""
    return AttemptResult(
        result.job_id, result.run_id, result.attempt_id, result.status, result.return_code, result.start_ms,
        result.end_ms, cause="the server refused the full result, which is kept beside the output",
        retry_up_to=result.retry_up_to,
    )  # fmt: skip


def _logs(url: str, log: Log) -> str:
    """Where to read more: the server's log, if it is the user's own, and the runner's."""
    from torc_core.local_server import log_of

    server = log_of(url)
    return f"its log is {server}, the runner's {log.path}" if server else f"the runner's log is {log.path}"
