"""A runner that runs nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torc_core.models.exchange import (
    Assignment,
    Attempt,
    AttemptResult,
    ExchangeAnswer,
    ExchangeRequest,
    FreeResources,
    Prefetch,
    Started,
)

if TYPE_CHECKING:
    from tests.engine.flow import Flow


@dataclass
class Runner:
    """A runner that runs nothing: it makes calls and remembers what it was given."""

    flow: Flow
    node: int
    free: FreeResources
    held: dict[str, Assignment] = field(default_factory=dict)
    sequence: int = 0
    last: ExchangeAnswer = field(default_factory=lambda: ExchangeAnswer(acknowledged=0))

    def request(self, **fields: Any) -> ExchangeRequest:
        """The next call; `held` is what the runner has."""
        self.sequence += 1
        fields.setdefault("free", self.free)
        fields.setdefault("held", [Attempt(a.job_id, a.attempt_id) for a in self.held.values()])
        if isinstance(fields.get("prefetch"), tuple):
            fields["prefetch"] = Prefetch(*fields["prefetch"])
        return ExchangeRequest(self.sequence, **fields)

    async def exchange(self, request: ExchangeRequest) -> ExchangeAnswer:
        return await self.flow.stage.runners.exchange(self.node, self.flow.id, request)

    def send(self, request: ExchangeRequest) -> ExchangeAnswer:
        """Make a call and use its answer."""
        return self.heed(self.flow.stage.run(self.exchange(request)))

    def heed(self, answer: ExchangeAnswer) -> ExchangeAnswer:
        """Take the jobs of an answer, let go of what is to be stopped as superseded."""
        for each in answer.jobs:
            self.held[each.name] = each
        self.last = answer
        return answer

    def call(self, **fields: Any) -> ExchangeAnswer:
        """Make a call that asks for no jobs unless told."""
        return self.send(self.request(**fields))

    def takes(self, slots: int = 1, **fields: Any) -> list[str]:
        """Ask for jobs with what is free; returns the names of those handed out."""
        return [each.name for each in self.call(slots=slots, **fields).jobs]

    def waits(self, slots: int = 1, wait_ms: int = 10_000, **fields: Any) -> Waiting:
        """Make a call that may be held."""
        waiting = Waiting(self, self.request(slots=slots, wait_ms=wait_ms, **fields))
        self.flow.stage.settle()
        return waiting

    def listens_while(self, name: str) -> Waiting:
        """Take and start a job; the call that is held meanwhile."""
        assert self.takes() == [name]
        self.starts(name)
        waiting = self.waits(slots=0)
        assert waiting.held
        return waiting

    def result(self, name: str, status: str = "completed", **fields: Any) -> AttemptResult:
        """How an attempt that is held ended."""
        mine = self.held[name]
        code = 0 if status == "completed" else 1
        values = {
            "job_id": mine.job_id, "run_id": mine.run_id, "attempt_id": mine.attempt_id, "status": status,
            "return_code": code, "start_ms": 1_000, "end_ms": 2_000, **fields,
        }  # fmt: skip
        return AttemptResult(**values)

    def ends(self, *names: str, status: str = "completed", slots: int = 0, **fields: Any) -> ExchangeAnswer:
        """Report the end of jobs and forget them."""
        request = self.request(results=[self.result(name, status) for name in names], slots=slots, **fields)
        for name in names:
            del self.held[name]
        return self.send(request)

    def starts(self, *names: str) -> ExchangeAnswer:
        """Report that the processes of jobs exist."""
        started = [Started(self.held[n].job_id, self.held[n].attempt_id, 1_000, 1) for n in names]
        return self.call(started=started)

    def gives_back(self, *names: str, slots: int = 0) -> ExchangeAnswer:
        """Release jobs that were never started."""
        released = [Attempt(a.job_id, a.attempt_id) for a in map(self.held.pop, names)]
        return self.call(released=released, slots=slots)

    def leaves(self, **fields: Any) -> ExchangeAnswer:
        return self.call(leaving=True, **fields)

    def dies(self) -> None:
        """Its process ends, seen by the server."""
        self.flow.stage.runners.died(self.node)
        self.flow.stage.settle()

    def runs_everything(self, status: str = "completed", most: int = 1_000) -> list[str]:
        """Take and end jobs until there are no more; returns the names in the order in which they ended."""
        done: list[str] = []
        names = self.takes(slots=most)
        while names:
            done += names
            names = [each.name for each in self.ends(*names, status=status, slots=most).jobs]
        return done


class Waiting:
    """A call that the server may hold."""

    def __init__(self, runner: Runner, request: ExchangeRequest) -> None:
        self.runner = runner
        self.stage = runner.flow.stage
        self._task = self.stage.loop.create_task(runner.exchange(request))

    @property
    def held(self) -> bool:
        """Not answered though everything queued so far was dealt with."""
        self.stage.settle()
        return not self._task.done()

    def answer(self) -> ExchangeAnswer:
        """The answer, as soon as it comes."""

        async def come() -> ExchangeAnswer:
            return await self._task

        return self.runner.heed(self.stage.run(come()))
