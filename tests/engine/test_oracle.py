"""Anything that can happen to a workflow, in any order: the engine and the oracle must agree after every step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.engine.flow import Flow
from tests.engine.oracle import ACTIVE, Job, Oracle
from tests.engine.plan import job
from tests.engine.runner import Runner
from tests.engine.stage import Stage
from torc_core.models.exchange import Assignment, Attempt, AttemptResult, FreeResources, Started
from torc_server.errors import Refusal

EXAMPLES = int(os.environ.get("TORC_ORACLE_EXAMPLES", "150"))
"""How many workflows are tried."""

OUTCOMES = ("completed", "completed", "failed", "terminated", "pending_failed")

JOBS = st.lists(
    st.tuples(
        st.frozensets(st.integers(0, 14), max_size=3),  # parents told
        st.frozensets(st.integers(0, 14), max_size=2),  # parents by way of a file
        st.booleans(),  # is canceled when a parent fails
    ),
    min_size=1,
    max_size=15,
)

SMALL = st.integers(0, 14)

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("exchange"), SMALL, SMALL, SMALL),
        st.tuples(st.just("exchange"), SMALL, SMALL, SMALL),
        st.tuples(st.sampled_from(["start", "claim", "begin", "complete", "repeat", "release"]), SMALL, SMALL, SMALL),
        st.tuples(st.sampled_from(["cancel", "retry"]), SMALL, SMALL, SMALL),
        st.tuples(st.sampled_from(["die", "leave", "restart"]), SMALL, SMALL, SMALL),
    ),
    max_size=40,
)


class Play:
    """One workflow on the stage, its oracle, one to three runners, and torc's own client."""

    def __init__(
        self, stage: Stage, lines: list[tuple[frozenset[int], frozenset[int], bool]], runners: int, barriers: bool
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
            barriers=barriers,
        )
        self.stage = stage
        self.names = list(self.flow.ids)
        self.oracle = Oracle({
            f"j{i}": Job([f"j{p}" for p in {*told[i], *files[i]}], lines[i][2]) for i in range(len(lines))
        })  # fmt: skip
        self.runners = [self.new_runner() for _ in range(runners)]
        self.last_results: dict[int, list[AttemptResult]] = {}
        self.agree()

    def new_runner(self) -> Runner:
        return self.flow.runner(cpus=100)

    def move(self, kind: str, a: int, b: int, c: int) -> None:
        """Do one thing to both, then compare."""
        getattr(self, f"do_{kind}")(a, b, c)
        self.agree()

    def agree(self) -> None:
        assert self.flow.statuses() == {name: each.status for name, each in self.oracle.jobs.items()}

    def runner(self, a: int) -> Runner:
        return self.runners[a % len(self.runners)]

    def do_exchange(self, a: int, b: int, c: int) -> None:
        """A runner reports `b % 4` ends and asks for `c % 5` jobs."""
        runner = self.runner(a)
        results = [
            runner.result(name, OUTCOMES[(b + c + i) % len(OUTCOMES)])
            for i, name in enumerate(list(runner.held)[: b % 4])
        ]
        self.report(runner, results, c % 5)

    def report(self, runner: Runner, results: list[AttemptResult], slots: int) -> None:
        refused = {
            Attempt(r.job_id, r.attempt_id)
            for r in results
            if not self.oracle.reported(self.flow.names[r.job_id], r.attempt_id, r.run_id, runner.node, r.status)
        }
        ended = {(r.job_id, r.attempt_id) for r in results}
        kept = {name: held for name, held in runner.held.items() if (held.job_id, held.attempt_id) not in ended}
        request = runner.request(results=results, slots=slots, free=FreeResources(100, 1 << 40))
        answer = self.stage.run(runner.exchange(request))
        self.last_results[runner.node] = results
        assert set(answer.refused) == refused
        stopped = {
            name: "canceled" if self.mine(runner, name, held) else "superseded"
            for name, held in kept.items()
            if not self.mine(runner, name, held) or self.oracle.jobs[name].status == "canceled"
        }
        assert {self.flow.names[s.job_id]: s.reason for s in answer.stop} == stopped
        assert len(answer.jobs) == min(slots, len(self.oracle.ready()))
        for each in answer.jobs:
            assert each.run_id == self.oracle.run
            self.oracle.handed(each.name, each.attempt_id, runner.node)
        runner.held = {name: held for name, held in kept.items() if stopped.get(name) != "superseded"}
        runner.heed(answer)
        to_be_reported = "canceled" in stopped.values()
        assert (answer.state == "complete") == (self.oracle.over and not to_be_reported)

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

    def do_retry(self, a: int, b: int, _c: int) -> None:
        failed = [name for name, each in self.oracle.jobs.items() if each.status in ("failed", "terminated")]
        name = failed[a % len(failed)] if failed and b % 4 else self.names[a % len(self.names)]
        self.either(lambda: self.flow.retry(name), self.oracle.retried(name))

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
        stored = {(name, run, attempt) for name in self.names for run, attempt, _ in self.flow.results(name)}
        assert stored == self.oracle.results
        for name, each in self.oracle.jobs.items():
            if each.status == "blocked":
                assert self.oracle.waits(name)
        held = self.stage.rows("SELECT name FROM job WHERE workflow_id = ? AND node_id IS NOT NULL", self.flow.id)
        assert not held, f"still held by a node: {held}"
        last = dict.fromkeys(self.names, "")
        for status, names in self.flow.changes():
            last |= dict.fromkeys(names, status)
        assert last == self.flow.statuses(), "the change log ends elsewhere"


@pytest.fixture(scope="module")
def long_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for all examples; each is a workflow of its own."""
    with Stage(tmp_path_factory.mktemp("oracle")) as made:
        yield made


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(lines=JOBS, runners=st.integers(1, 3), barriers=st.booleans(), moves=MOVES)
def test_the_engine_agrees_with_the_oracle(
    long_stage: Stage,
    lines: list[tuple[frozenset[int], frozenset[int], bool]],
    runners: int,
    barriers: bool,
    moves: list[tuple[str, int, int, int]],
) -> None:
    play = Play(long_stage, lines, runners, barriers)
    for move in moves:
        play.move(*move)
    play.flow.check()
    play.finish()
    play.check_end()
    event("complete" if play.oracle.over else "not complete")
    for runner in play.runners:
        runner.leaves()
