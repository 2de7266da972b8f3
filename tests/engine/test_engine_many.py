"""Changing many jobs a portion at a time, in any order and beside a runner: counts and counters stay right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.flow import Flow
from tests.engine.plan import job
from tests.engine.runner import Runner
from tests.engine.stage import Stage
from torc_core.models.status import JobStatus
from torc_server.engine import change_many, retry_many
from torc_server.engine.change_many import PORTIONS, Change

JOBS = st.lists(st.tuples(st.frozensets(st.integers(0, 9), max_size=3), st.booleans()), min_size=1, max_size=10)

NUMBERS = st.lists(st.integers(0, 9), min_size=1, max_size=10, unique=True)

MOVES = st.lists(
    st.tuples(
        st.sampled_from(["cancel", "disable", "enable", "disable", "enable", "retry", "take", "fail", "complete"]),
        NUMBERS,
        st.integers(1, 4),
    ),
    max_size=20,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for all examples."""
    with Stage(Path(tmp_path_factory.mktemp("many"))) as made:
        yield made


class Many:
    """A workflow, its runner, and changes of many of its jobs."""

    def __init__(self, stage: Stage, lines: list[tuple[frozenset[int], bool]], barriers: bool) -> None:
        self.stage = stage
        parents = [sorted({p % i for p in told}) if i else [] for i, (told, _) in enumerate(lines)]
        self.flow: Flow = stage.flow(
            *(
                job(f"j{i}", " ".join(f"j{p}" for p in parents[i]), cancel=cancel)
                for i, (_, cancel) in enumerate(lines)
            ),
            barriers=barriers,
        )
        self.names = list(self.flow.ids)
        self.runner: Runner = self.flow.runner(cpus=100)

    def change(self, change: Change, ids: list[int], portion: int) -> None:
        """As the API does it, in small portions."""
        found = self.stage.read(change_many.scope, self.flow.id, ids, change).ids
        starts = range(0, len(found), portion)
        for first in starts if change is Change.ENABLE else reversed(starts):
            self.stage.write(PORTIONS[change], found[first : first + portion])

    def retry(self, ids: list[int], portion: int) -> None:
        found = self.stage.read(retry_many.scope, ids).jobs
        for first in range(0, len(found), portion):
            assert self.stage.write(retry_many.retry_portion, found[first : first + portion]) == []

    def move(self, kind: str, numbers: list[int], portion: int) -> None:
        meant = [name for number, name in enumerate(self.names) if number in numbers]
        ids = [self.flow.ids[name] for name in meant]
        if kind == "take":
            self.runner.takes(len(numbers))
        elif kind in ("fail", "complete"):
            self.end([name for name in self.at_work() if name in meant], kind)
        elif kind == "retry":
            self.retry(ids, portion)
        else:
            self.change(Change(kind), ids, portion)
        self.flow.check()

    def at_work(self) -> list[str]:
        """What the runner has, and is to go on with."""
        return [name for name in self.runner.held if self.flow.status(name) in ("pending", "running")]

    def end(self, names: list[str], kind: str) -> None:
        if names:
            self.runner.ends(*names, status="failed" if kind == "fail" else "completed")

    def finish(self) -> None:
        """Whatever was done, all that can run comes to its end when nothing is disabled any more."""
        self.change(Change.ENABLE, list(self.flow.ids.values()), 3)
        self.runner.call()
        self.end(self.at_work(), "complete")
        self.runner.runs_everything()
        self.flow.check()
        left = set(self.flow.statuses().values())
        assert left <= {"completed", "failed", "canceled"}


@pytest.mark.parametrize("barriers", [False, True])
def test_counts_and_counters_stay_right(shared: Stage, barriers: bool) -> None:
    @settings(max_examples=30, deadline=None, suppress_health_check=[*HealthCheck])
    @given(JOBS, MOVES)
    def play(lines: list[tuple[frozenset[int], bool]], moves: list[tuple[str, list[int], int]]) -> None:
        many = Many(shared, lines, barriers)
        for kind, numbers, portion in moves:
            many.move(kind, numbers, portion)
        many.finish()
        many.runner.leaves()

    play()


def test_what_is_disabled_and_enabled_is_as_it_was(shared: Stage) -> None:
    @settings(max_examples=20, deadline=None, suppress_health_check=[*HealthCheck])
    @given(JOBS, NUMBERS, st.integers(1, 4))
    def play(lines: list[tuple[frozenset[int], bool]], numbers: list[int], portion: int) -> None:
        many = Many(shared, lines, barriers=True)
        before = many.flow.statuses()
        many.move("disable", numbers, portion)
        disabled = [name for name, status in many.flow.statuses().items() if status == JobStatus.DISABLED.label]
        assert disabled == [name for number, name in enumerate(many.names) if number in numbers]
        many.move("enable", list(range(10)), portion)
        assert many.flow.statuses() == before

    play()


def test_what_was_taken_and_canceled_since_the_jobs_were_looked_at_is_not_disabled(shared: Stage) -> None:
    many = Many(shared, [(frozenset(), True)], barriers=False)
    job_id = many.flow.ids["j0"]
    many.runner.takes(1)
    many.flow.cancel("j0")
    assert shared.write(change_many.disable_portion, [job_id]) == 0
    assert many.flow.status("j0") == "canceled"
    many.runner.ends("j0", status="canceled")
    many.flow.check()
    assert many.flow.status("j0") == "canceled"
    many.runner.leaves()
