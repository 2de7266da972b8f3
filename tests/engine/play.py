"""One workflow played on the stage and told to the oracle: everything that can happen to it, as moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.flow import Flow
from tests.engine.oracle import ACTIVE, Job, Oracle
from tests.engine.plan import job
from tests.engine.runner import Runner
from tests.engine.stage import Stage
from torc_core.models.exchange import (
    Assignment,
    Attempt,
    AttemptResult,
    ExchangeAnswer,
    FreeResources,
    Prefetch,
    Started,
)
from torc_core.models.status import JobStatus
from torc_server.engine.cancel import cancel_job, cancel_workflow
from torc_server.engine.change_many import PORTIONS, Change, scope
from torc_server.engine.reset import reset_workflow_status
from torc_server.errors import Refusal

OUTCOMES = ("completed", "completed", "failed", "terminated", "pending_failed")


class Play:
    """One workflow on the stage, its oracle, one to four runners, and torc's own client."""

    def __init__(
        self,
        stage: Stage,
        lines: list[tuple[frozenset[int], frozenset[int], bool]],
        unused: tuple[frozenset[int], frozenset[int]],
        runners: int,
        barriers: bool,
    ) -> None:
        told = [sorted({p % i for p in parents}) if i else [] for i, (parents, _, _) in enumerate(lines)]
        files = [sorted({p % i for p in parents}) if i else [] for i, (_, parents, _) in enumerate(lines)]
        self.flow: Flow = stage.flow(
            *(
                job(
                    f"j{i}",
                    " ".join(f"j{p}" for p in told[i]),
                    cancel=cancel,
                    reads=" ".join(f"f{p}" for p in files[i]),
                    writes=f"f{i}",
                )
                for i, (_, _, cancel) in enumerate(lines)
            ),
            initialize=not unused[0],
            barriers=barriers,
        )
        self.stage = stage
        self.names = list(self.flow.ids)
        skipped = self.begin(*unused) if unused[0] else set()
        self.oracle = Oracle({
            name: Job(
                [f"j{p}" for p in {*told[i], *files[i]}], lines[i][2], "disabled" if name in skipped else "blocked"
            )
            for i, name in enumerate(self.names)
        }, self.flow.run_id)  # fmt: skip
        self.requirement = stage.value("SELECT min(id) FROM resource_requirements WHERE workflow_id = ?", self.flow.id)
        self.runners = [self.new_runner() for _ in range(runners)]
        self.last_results: dict[int, list[AttemptResult]] = {}
        self.agree()

    def begin(self, disabled: frozenset[int], enabled: frozenset[int]) -> set[str]:
        """Disable jobs, enable some of all, and initialize the workflow; returns those that stay disabled.

        Never all: a workflow of disabled jobs only is not initialized by that (server.md 1.2, is_uninitialized).
        """
        off, on = self.some(*disabled)[1:], self.some(*enabled)
        self.change(Change.DISABLE, off, 2)
        self.change(Change.ENABLE, on, 2)
        skipped = {*off} - {*on}
        before = self.flow.statuses()
        assert before == {name: "disabled" if name in skipped else "uninitialized" for name in self.names}
        self.flow.initialize()
        return skipped

    def some(self, *numbers: int) -> list[str]:
        """Jobs by any numbers, in order."""
        chosen = {number % len(self.names) for number in numbers}
        return [name for i, name in enumerate(self.names) if i in chosen]

    def change(self, change: Change, names: list[str], portion: int) -> None:
        """Disable or enable jobs as the API does it, in small portions."""
        ids = self.stage.read(scope, self.flow.id, [self.flow.ids[name] for name in names], change).ids
        starts = range(0, len(ids), portion)
        for first in starts if change is Change.ENABLE else reversed(starts):
            self.stage.write(PORTIONS[change], ids[first : first + portion])

    def new_runner(self) -> Runner:
        return self.flow.runner(cpus=100)

    def move(self, kind: str, a: int, b: int, c: int) -> None:
        """Do one thing to both, then compare."""
        getattr(self, f"do_{kind}")(a, b, c)
        self.agree()

    def agree(self) -> None:
        """Status, attempt and losses of every job are what the oracle says."""
        sql = "SELECT name, status, attempt_id, lost FROM job WHERE workflow_id = ?"
        found = {
            name: (JobStatus(s).label, attempt, lost) for name, s, attempt, lost in self.stage.rows(sql, self.flow.id)
        }
        assert found == {name: (each.status, each.attempt, each.lost) for name, each in self.oracle.jobs.items()}

    def runner(self, a: int) -> Runner:
        return self.runners[a % len(self.runners)]

    def do_exchange(self, a: int, b: int, c: int) -> None:
        """A runner reports `b % 4` ends and asks for `c % 5` jobs."""
        runner = self.runner(a)
        self.report(runner, self.ends(runner, b, c), c % 5)

    def do_ahead(self, a: int, b: int, c: int) -> None:
        """Likewise; it also asks for jobs for which it has no room yet."""
        runner = self.runner(a)
        self.report(runner, self.ends(runner, b, c), c % 3, ahead=b % 5)

    def ends(self, runner: Runner, b: int, c: int) -> list[AttemptResult]:
        """Results of the first jobs that a runner holds."""
        return [
            runner.result(name, OUTCOMES[(b + c + i) % len(OUTCOMES)])
            for i, name in enumerate(list(runner.held)[: b % 4])
        ]

    def do_late(self, a: int, b: int, c: int) -> None:
        """A call arrives after a newer one: its results count, nothing else."""
        runner = self.runner(a)
        results = self.ends(runner, b, c)
        late = runner.request(results=results, held=[], slots=5, free=FreeResources(100, 1 << 40))
        self.report(runner, [], 0)
        refused = self.refused(runner, results)
        answer = self.stage.run(runner.exchange(late))
        assert (answer.jobs, answer.stop, set(answer.refused)) == ([], [], refused)
        ended = {(r.job_id, r.attempt_id) for r in results}
        runner.held = {n: held for n, held in runner.held.items() if (held.job_id, held.attempt_id) not in ended}

    def do_together(self, a: int, b: int, c: int) -> None:
        """All runners report and ask in one batch, in which a job or the workflow is canceled, too: that counts after
        the reports."""
        victim = self.names[a % len(self.names)] if b % 3 == 0 else None
        whole = b == 7
        results = [self.ends(runner, b + i, c) for i, runner in enumerate(self.runners)]
        kept = [self.without(*pair) for pair in zip(self.runners, results, strict=True)]
        refused = [self.refused(*pair) for pair in zip(self.runners, results, strict=True)]
        requests = [
            runner.request(results=told, slots=(c + i) % 4, free=FreeResources(100, 1 << 40))
            for i, (runner, told) in enumerate(zip(self.runners, results, strict=True))
        ]
        allowed = victim is not None and self.oracle.canceled(victim)
        if whole:
            self.oracle.canceled_whole()

        async def together() -> list[Any]:
            calls: list[Any] = [r.exchange(request) for r, request in zip(self.runners, requests, strict=True)]
            calls += [self.stage.db.write(cancel_job, self.flow.ids[victim])] if victim is not None else []
            calls += [self.stage.db.write(cancel_workflow, self.flow.id)] if whole else []
            return await asyncio.gather(*calls, return_exceptions=True)

        answers = self.stage.in_one_batch(together)
        if victim is not None or whole:
            assert (answers.pop() is None) == (allowed or whole)
        stopped = [self.to_be_stopped(*pair) for pair in zip(self.runners, kept, strict=True)]
        ready = len(self.oracle.ready())
        assert sum(len(answer.jobs) for answer in answers) == min(sum(r.slots for r in requests), ready)
        for i, runner in enumerate(self.runners):
            assert set(answers[i].refused) == refused[i]
            self.last_results[runner.node] = results[i]
            self.heed(runner, answers[i], kept[i], stopped[i])

    def refused(self, runner: Runner, results: list[AttemptResult]) -> set[Attempt]:
        """Tell the oracle; which of them are to be refused."""
        return {
            Attempt(r.job_id, r.attempt_id)
            for r in results
            if not self.oracle.reported(self.flow.names[r.job_id], r.attempt_id, r.run_id, runner.node, r.status)
        }

    def without(self, runner: Runner, results: list[AttemptResult]) -> dict[str, Assignment]:
        """What a runner holds when these have ended."""
        ended = {(r.job_id, r.attempt_id) for r in results}
        return {name: held for name, held in runner.held.items() if (held.job_id, held.attempt_id) not in ended}

    def to_be_stopped(self, runner: Runner, kept: dict[str, Assignment]) -> dict[str, str]:
        """What the runner has and should not, and why."""
        return {
            name: "canceled" if self.mine(runner, name, held) else "superseded"
            for name, held in kept.items()
            if not self.mine(runner, name, held) or self.oracle.jobs[name].status == "canceled"
        }

    def heed(
        self,
        runner: Runner,
        answer: ExchangeAnswer,
        kept: dict[str, Assignment],
        stopped: dict[str, str],
        room: int | None = None,
    ) -> None:
        """The runner does what it is told; jobs beyond its `room` it has ahead."""
        assert {self.flow.names[s.job_id]: s.reason for s in answer.stop} == stopped
        for i, each in enumerate(answer.jobs):
            assert each.run_id == self.oracle.run
            self.oracle.handed(each.name, each.attempt_id, runner.node, ahead=room is not None and i >= room)
        runner.held = {name: held for name, held in kept.items() if stopped.get(name) != "superseded"}
        runner.heed(answer)

    def report(self, runner: Runner, results: list[AttemptResult], slots: int, ahead: int = 0) -> None:
        """Report and ask, alone, and compare everything that is answered."""
        refused = self.refused(runner, results)
        kept = self.without(runner, results)
        prefetch = Prefetch(self.requirement, ahead) if ahead else None
        request = runner.request(results=results, slots=slots, prefetch=prefetch, free=FreeResources(100, 1 << 40))
        answer = self.stage.run(runner.exchange(request))
        self.last_results[runner.node] = results
        assert set(answer.refused) == refused
        stopped = self.to_be_stopped(runner, kept)
        ready = len(self.oracle.ready())
        assert min(slots, ready) <= len(answer.jobs) <= min(slots + ahead, ready)
        self.heed(runner, answer, kept, stopped, room=slots)
        to_be_reported = "canceled" in stopped.values()
        over = "complete" if self.oracle.over and not to_be_reported else "active"
        assert answer.state == ("canceled" if self.oracle.is_canceled else over)

    def mine(self, runner: Runner, name: str, held: Assignment) -> bool:
        known = self.oracle.jobs[name]
        return (known.holder, known.attempt) == (runner.node, held.attempt_id)

    def do_repeat(self, a: int, _b: int, _c: int) -> None:
        """The last report comes again, as after a lost answer: it changes nothing."""
        runner = self.runner(a)
        request = runner.request(results=self.last_results.get(runner.node, []))
        self.stage.run(runner.exchange(request))

    def do_start(self, a: int, b: int, _c: int) -> None:
        runner = self.runner(a)
        names = [name for i, name in enumerate(runner.held) if i % 2 == b % 2]
        started = [Started(runner.held[name].job_id, runner.held[name].attempt_id, 1, 1) for name in names]
        self.stage.run(runner.exchange(runner.request(started=started)))
        for name in names:
            self.oracle.started(name, runner.held[name].attempt_id, runner.node)

    def do_release(self, a: int, b: int, _c: int) -> None:
        """Jobs that were not started are given back."""
        runner = self.runner(a)
        names = [name for name in runner.held if self.oracle.jobs[name].status == "pending"][: b % 3]
        names = [name for name in names if self.mine(runner, name, runner.held[name])]
        for name in names:
            self.oracle.given_back(name)
        if names:
            runner.gives_back(*names)

    def do_claim(self, _a: int, b: int, _c: int) -> None:
        expected = self.oracle.ready()[: b % 3]
        assert self.flow.claim(b % 3) == expected
        for name in expected:
            self.oracle.handed(name, self.oracle.jobs[name].attempt, None)

    def client_job(self, a: int, statuses: set[str]) -> str | None:
        """A job that torc's own client has."""
        claimed = [n for n, each in self.oracle.jobs.items() if each.holder is None and each.status in statuses]
        return claimed[a % len(claimed)] if claimed else None

    def do_begin(self, a: int, _b: int, _c: int) -> None:
        name = self.client_job(a, {"pending"})
        if name is not None:
            self.flow.start(name)
            self.oracle.started(name, self.oracle.jobs[name].attempt, None)

    def do_complete(self, a: int, b: int, c: int) -> None:
        """torc's client ends what it has; sometimes a job that it never had, as torc allows."""
        name = self.client_job(a, {"pending", "running"}) if b % 4 else self.names[a % len(self.names)]
        if name is None:
            return
        status = OUTCOMES[c % len(OUTCOMES)]
        attempt = self.oracle.jobs[name].attempt
        self.either(lambda: self.flow.complete(name, status, attempt=attempt), self.oracle.completed(name, status))

    def do_cancel(self, a: int, _b: int, _c: int) -> None:
        name = self.names[a % len(self.names)]
        self.either(lambda: self.flow.cancel(name), self.oracle.canceled(name))

    def do_cancel_all(self, _a: int, _b: int, _c: int) -> None:
        self.oracle.canceled_whole()
        self.flow.cancel()

    def do_reopen(self, a: int, _b: int, _c: int) -> None:
        force = a % 2 == 0
        self.either(
            lambda: self.stage.write(reset_workflow_status, self.flow.id, force), self.oracle.reopened(force=force)
        )

    def do_disable(self, a: int, b: int, c: int) -> None:
        names = self.some(a, b)
        self.oracle.disabled(names)
        self.change(Change.DISABLE, names, 1 + c % 2)

    def do_enable(self, a: int, b: int, c: int) -> None:
        """Two jobs, or all."""
        names = self.some(a, b) if c % 3 else self.names
        self.either(lambda: self.change(Change.ENABLE, names, 1 + c % 4), self.oracle.enabled(names))

    def do_retry(self, a: int, b: int, _c: int) -> None:
        failed = [name for name, each in self.oracle.jobs.items() if each.status in ("failed", "terminated")]
        name = failed[a % len(failed)] if failed and b % 4 else self.names[a % len(self.names)]
        self.either(lambda: self.flow.retry(name), self.oracle.retried(name))

    def do_reset(self, _a: int, b: int, c: int) -> None:
        """Jobs are reset and put to work again."""
        failed_only, force = b % 2 == 1, c % 3 > 0

        def reset() -> None:
            self.flow.reset(failed_only=failed_only, force=force)
            self.flow.initialize(only_uninitialized=True)

        self.either(reset, self.oracle.reset(failed_only=failed_only, force=force))

    def do_restart(self, _a: int, _b: int, _c: int) -> None:
        self.either(lambda: self.flow.restart(), self.oracle.restarted())

    def do_die(self, a: int, _b: int, _c: int) -> None:
        runner = self.runner(a)
        self.oracle.lost(runner.node)
        runner.dies()
        self.runners[a % len(self.runners)] = self.new_runner()

    def do_leave(self, a: int, _b: int, _c: int) -> None:
        runner = self.runner(a)
        self.oracle.left(runner.node)
        runner.leaves()
        self.runners[a % len(self.runners)] = self.new_runner()

    def either(self, act: Callable[[], object], allowed: bool) -> None:
        """It is done when the oracle allows it, refused when it does not."""
        if allowed:
            act()
        else:
            with pytest.raises(Refusal):
                act()

    def finish(self) -> None:
        """Everybody ends all they have, some of it badly, until nothing can run."""
        for turn in range(200):
            for runner in self.runners:
                results = [
                    runner.result(name, OUTCOMES[(turn + i) % 3 if turn < 20 else 0])
                    for i, name in enumerate(list(runner.held))
                ]
                self.report(runner, results, slots=3)
            for name, each in self.oracle.jobs.items():
                if each.holder is None and each.status in ACTIVE:
                    self.do_complete_this(name)
            self.agree()
            if not self.oracle.ready() and not any(each.status in ACTIVE for each in self.oracle.jobs.values()):
                break
        else:
            pytest.fail("the workflow does not come to its end")

    def do_complete_this(self, name: str) -> None:
        self.flow.complete(name, "completed", attempt=self.oracle.jobs[name].attempt)
        assert self.oracle.completed(name, "completed")

    def check_end(self) -> None:
        """What must hold at the end, whatever happened."""
        self.flow.check()
        results = self.stage.rows("SELECT job_id, run_id, attempt_id FROM result WHERE workflow_id = ?", self.flow.id)
        assert {(self.flow.names[i], run, attempt) for i, run, attempt in results} == self.oracle.results
        for name, each in self.oracle.jobs.items():
            if each.status == "blocked":
                assert self.oracle.waits(name)
        held = self.stage.rows("SELECT name FROM job WHERE workflow_id = ? AND node_id IS NOT NULL", self.flow.id)
        assert not held, f"still held by a node: {held}"
        last = dict.fromkeys(self.names, "")
        for status, names in self.flow.changes():
            last |= dict.fromkeys(names, status)
        assert last == self.flow.statuses(), "the change log ends elsewhere"
