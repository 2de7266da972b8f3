"""The main loop: one thread that starts jobs, notices their ends, and keeps the conversation with the server going.

It sleeps until a process ends, an answer comes, a signal arrives or something is due; nothing is polled.
"""

from __future__ import annotations

import enum
import selectors
import time
from dataclasses import dataclass

from torc_core.crash import crash_point
from torc_core.models.exchange import Assignment, Attempt, ExchangeAnswer, ExchangeRequest
from torc_core.runner.actions import Actions
from torc_core.runner.exchange import Conversation, Gone
from torc_core.runner.jobs import Ended, Ending, Jobs, Running
from torc_core.runner.limits import Watch
from torc_core.runner.log import Log
from torc_core.runner.prefetch import Waiting
from torc_core.runner.recovery import Recovery
from torc_core.runner.resources import Pool
from torc_core.runner.scripts import Scripts
from torc_core.runner.wakeup import Wakeup
from torc_core.wording import count_of

START_AT_ONCE = 16
"""So many jobs are started before exits and answers are looked at again."""

PAUSE_S = 0.5
"""When the machine can start nothing more (descriptors, processes, memory), it is tried again after so long."""

REMEMBERED = 10_000
"""Attempts that are over and must not be started again if an answer brings them twice."""

LEAVE_S, LEAVE_INTERRUPTED_S, LEAVE_KILLED_S = 60.0, 5.0, 2.0
"""How long the last call is tried when the server is away."""


class Outcome(enum.Enum):
    """Why the runner left."""

    COMPLETE = "complete"
    CANCELED = "canceled"
    STUCK = "stuck"
    IDLE = "idle"
    OUT_OF_TIME = "out of time"
    INTERRUPTED = "interrupted"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Settings:
    """What ends a runner. Seconds; `idle_s` of 0 or less and `time_left_s` None mean never."""

    idle_s: float = 0.0
    time_left_s: float | None = None


class Runner:
    """Runs jobs of one workflow until there is nothing more to do here."""

    def __init__(
        self,
        jobs: Jobs,
        conversation: Conversation,
        pool: Pool,
        watch: Watch,
        scripts: Scripts,
        recovery: Recovery,
        actions: Actions,
        wakeup: Wakeup,
        selector: selectors.BaseSelector,
        log: Log,
        settings: Settings,
    ) -> None:
        self._jobs = jobs
        self._conversation = conversation
        self._pool = pool
        self._watch = watch
        self._scripts = scripts
        self._recovery = recovery
        self._actions = actions
        self._holds_jobs = actions.holds_jobs
        self._wakeup = wakeup
        self._selector = selector
        self._log = log
        self._settings = settings
        self._waiting = Waiting()
        self._done: dict[tuple[int, int, int], None] = {}
        """Job, run and attempt of what is over."""
        now = time.monotonic()
        self._began = now
        self._idle_since = now
        self._house_at = now + 1.0
        self._stop_at = now + settings.time_left_s if settings.time_left_s is not None else float("inf")
        self._interrupts = 0
        self._leave_by = float("inf")
        self.outcome: Outcome | None = None
        self.message: str | None = None
        """What to tell the user about the outcome."""
        self.had_failures = False
        self.had_terminations = False

    def run(self) -> Outcome:
        """Work until the end, whatever it is; says which."""
        while True:
            self._wait()
            now = time.monotonic()
            self._hear(now)
            self._heed_signals(now)
            self._start_waiting(now)
            for ended in self._jobs.tick(now):
                self._over(ended)
            self._scripts.tick(now)
            self._execute_actions()
            self._watch.tick(now)
            self._keep_house(now)
            self._consider_leaving(now)
            self._conversation.journal.write()
            self._speak(now)
            if self.outcome is not None and self._may_go(now):
                return self._end(self.outcome)

    def _wait(self) -> None:
        """Sleep until something happens or is due, and take the exits of processes."""
        due = min(
            self._conversation.due(self._has_idle_slot()),
            self._jobs.due(),
            self._watch.due(),
            self._scripts.due(),
            self._waiting.due(),
            self._pool.paused_until,
            self._house_at,
            self._leave_by,
            self._stop_at,
        )
        now = time.monotonic()
        timeout = 0.0 if self._can_start() else max(due - now, 0.0)
        for key, _ in self._selector.select(timeout):
            if isinstance(key.data, Running):
                ended = self._jobs.exited(key.data)
                if ended is not None:
                    self._start_waiting(now)
                    self._over(ended)
            else:
                self._wakeup.drain(key.fd)
        for ended in self._jobs.poll():
            self._over(ended)

    def _over(self, ended: Ended) -> None:
        now = time.monotonic()
        self._done[_identity(ended.job)] = None
        if len(self._done) > REMEMBERED:
            del self._done[next(iter(self._done))]
        self._idle_since = now
        result = ended.result
        if result is None:
            return
        self._waiting.ended(ended.job, ended.seconds)
        if result.status == "failed":
            self._recovery.failed(ended, result, self._report)
        else:
            self._report(ended)

    def _report(self, ended: Ended) -> None:
        result = ended.result
        if result is None:
            return
        self.had_failures |= result.status in ("failed", "pending_failed") and not result.retry_up_to
        self.had_terminations |= result.status == "terminated"
        self._conversation.add_result(ended.attempt, result, time.monotonic())

    def _can_start(self) -> bool:
        waiting = self._waiting.jobs
        return bool(waiting) and self._pool.slots() > 0 and any(self._pool.fits(job) for job in waiting.values())

    def _execute_actions(self) -> None:
        """Go on with workflow actions; once those of the start are over, ask for jobs."""
        self._actions.tick()
        held, self._holds_jobs = self._holds_jobs, self._actions.holds_jobs
        if held and not self._holds_jobs:
            self._conversation.ask_now()

    def _has_idle_slot(self) -> bool:
        """A slot that nothing here fills: what waits, if anything, needs more than is free."""
        free = self._pool.slots() > 0 and not self._holds_jobs and not self._can_start()
        return self.outcome is not None or free

    def _start_waiting(self, now: float) -> None:
        """Start what waits and fits, in the order it came."""
        if self._pool.paused_until <= now:
            self._pool.paused_until = float("inf")
            self._conversation.ask_now()
        started = 0
        for attempt, job in list(self._waiting.jobs.items()) if self._pool.slots() else ():
            if started >= START_AT_ONCE or not self._pool.slots():
                break
            if not self._pool.fits(job):
                continue
            begun = self._jobs.start(attempt, job)
            if begun is None:  # what waits goes back to others if that lasts
                self._pool.paused_until = now + PAUSE_S
                break
            self._waiting.take(attempt)
            started += 1
            if isinstance(begun, Running):
                self._watch.started(begun)
                self._conversation.add_started(self._jobs.started(begun), begun.started)
            else:
                self._over(begun)
        if self._waiting.due() <= now:
            self._conversation.release(self._waiting.overdue(now), now)

    def _hear(self, now: float) -> None:
        try:
            for answer in self._conversation.answers(now):
                self._apply(answer, now)
        except Gone as error:
            self.message = str(error)
            self._leave(Outcome.GONE, now)
            self._jobs.stop(list(self._jobs.running), Ending(None), kill=True)
            self._recovery.drop(list(self._recovery.held), now)
            self._actions.stop(now, kill=True)

    def _apply(self, answer: ExchangeAnswer, now: float) -> None:
        self._obey(answer, now)
        if answer.jobs:
            crash_point("runner.jobs.received")
        for job in answer.jobs:
            attempt = Attempt(job.job_id, job.attempt_id)
            if self.outcome is None and not self._holds(attempt, job):
                self._waiting.add(attempt, job, now)
                self._idle_since = now
        if self.outcome in (None, Outcome.COMPLETE):
            self._actions.offer(answer.actions, answer.run_id)
        if answer.state == "canceled":
            self._jobs.stop(list(self._jobs.running), Ending("canceled"))
            self._recovery.give_up(list(self._recovery.held), now)
            if self.outcome is None:
                self._actions.stop(now)
            self._leave(Outcome.CANCELED, now)
        elif answer.state == "complete":
            self._jobs.stop(list(self._jobs.running), Ending(None), kill=True)
            self._leave(Outcome.COMPLETE, now)
        elif answer.stuck and self.outcome is None and not self._is_at_work:
            self.message = answer.stuck
            self._leave(Outcome.STUCK, now)

    def _obey(self, answer: ExchangeAnswer, now: float) -> None:
        canceled, superseded = [], []
        for order in answer.stop:
            attempt = Attempt(order.job_id, order.attempt_id)
            if self._waiting.take(attempt) is not None:
                self._conversation.release([attempt], now)
            elif order.reason == "canceled":
                canceled.append(attempt)
            else:
                superseded.append(attempt)
        self._jobs.stop(canceled, Ending("canceled"))
        self._recovery.give_up(canceled, now)
        self._recovery.drop(superseded, now)
        self._jobs.stop(superseded, Ending(None), kill=True)  # another copy may be at work: no time for a farewell

    def _holds(self, attempt: Attempt, job: Assignment) -> bool:
        return (
            attempt in self._jobs.running
            or attempt in self._waiting.jobs
            or attempt in self._recovery.held
            or attempt in self._conversation.results
            or _identity(job) in self._done
        )

    def _heed_signals(self, now: float) -> None:
        interrupts = self._wakeup.interrupts
        if interrupts == self._interrupts:
            return
        self._interrupts = interrupts
        if self.outcome is not Outcome.GONE:
            self.outcome = Outcome.INTERRUPTED
        self._leave(Outcome.INTERRUPTED, now)
        # Without its guard the runner is as good as dead: its jobs run again elsewhere, so their end is not reported.
        ending = Ending(None) if self._wakeup.orphaned else Ending("terminated", self._wakeup.reason)
        self._jobs.stop(list(self._jobs.running), ending, kill=interrupts > 1)
        self._recovery.stop(now, kill=interrupts > 1)
        self._actions.stop(now, kill=interrupts > 1)
        if interrupts > 1:
            self._leave_by = min(self._leave_by, now + LEAVE_KILLED_S)

    def _keep_house(self, now: float) -> None:
        """Once a second: the log goes to disk, dead strays are reaped, idleness and time are looked at."""
        if now >= self._stop_at:
            self._stop_at = float("inf")
            self._leave(Outcome.OUT_OF_TIME, now)
            self._jobs.stop(list(self._jobs.running), Ending("terminated", "the runner's time is over"))
            self._recovery.stop(now)
            self._actions.stop(now)
        if now < self._house_at:
            return
        self._house_at = now + 1.0
        self._log.flush()
        if self._conversation.away:
            self._conversation.journal.sync()
        self._jobs.reap()
        if self._is_at_work or self._conversation.away:
            self._idle_since = now
        elif 0 < self._settings.idle_s <= now - self._idle_since:
            self._leave(Outcome.IDLE, now)

    @property
    def _is_at_work(self) -> bool:
        """Something is running, waits to start or to be reported."""
        return bool(
            self._jobs.running
            or self._waiting.jobs
            or self._recovery.held
            or self._conversation.results
            or self._actions.busy
        )

    def _leave(self, outcome: Outcome, now: float) -> None:
        """Take no more work; what waits goes back."""
        if self.outcome is None:
            self.outcome = outcome
        self._conversation.release(self._waiting.clear(), now)

    def _consider_leaving(self, now: float) -> None:
        if self.outcome is None or self._conversation.leaving or self._jobs.running or self._recovery.held:
            return
        if self.outcome is not Outcome.GONE and self._interrupts < 2 and not self._actions.are_over():
            return
        self._conversation.leaving = True
        patience = LEAVE_S
        if self.outcome is Outcome.INTERRUPTED:
            patience = LEAVE_KILLED_S if self._interrupts > 1 else LEAVE_INTERRUPTED_S
        self._leave_by = min(self._leave_by, now + patience)

    def _may_go(self, now: float) -> bool:
        if self._interrupts > 1 and now >= self._leave_by:
            return True  # what cannot even be killed (waiting for a dead disk) is left to the guard
        told = self._conversation.left or now >= self._leave_by or self.outcome is Outcome.GONE
        return told and not self._jobs.running and not self._recovery.held

    def _speak(self, now: float) -> None:
        idle_slot = self._has_idle_slot()
        if self.outcome is Outcome.GONE or self._conversation.due(idle_slot) > now:
            return
        held = [attempt for attempt, job in self._jobs.running.items() if not job.is_superseded]
        ask = ExchangeRequest(0, self._pool.free(), held=[*held, *self._recovery.held, *self._waiting.jobs])
        if self.outcome is None:
            ask.slots = self._pool.slots() if idle_slot else 0
            ask.ignore_resources = not self._pool.by_resources
            if not self._holds_jobs:
                ask.prefetch = self._waiting.wanted(self._pool.capacity(self._waiting.last))
        if self._stop_at != float("inf"):
            ask.time_left_s = max(int(self._stop_at - now), 0)
        ask.samples = self._watch.samples()
        self._conversation.speak(now, ask)

    def _end(self, outcome: Outcome) -> Outcome:
        seconds = time.monotonic() - self._began
        crash_point("runner.leaves")
        self._conversation.journal.close()
        undelivered = len(self._conversation.results)
        if undelivered and outcome is not Outcome.GONE:  # one that is gone offers them as a dead one's
            self._log.error(
                f"{count_of(undelivered, 'results')} could not be delivered; the next runner with this output folder"
                " delivers them"
            )
        if outcome is Outcome.COMPLETE:
            self._log.info("Workflow complete")
        self._log.info(
            f"Job runner completed outcome={outcome.value!r} had_failures={str(self.had_failures).lower()} "
            f"had_terminations={str(self.had_terminations).lower()} duration_s={seconds:.1f} "
            f"cpu_s={time.process_time():.3f}"
        )
        self._log.flush()
        return outcome


def _identity(job: Assignment) -> tuple[int, int, int]:
    return job.job_id, job.run_id, job.attempt_id
