"""Anything that can happen to a workflow, in any order: the engine and the oracle must agree after every step."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.engine.play import Play
from tests.engine.stage import Stage

EXAMPLES = int(os.environ.get("TORC_ORACLE_EXAMPLES", "160"))
"""How many workflows are tried, in equal parts by the number of runners and with and without barriers."""

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

KINDS = [
    *["exchange"] * 60,
    *["together"] * 30,
    *["ahead", "late"] * 15,
    *["start", "claim", "begin", "complete", "repeat", "release"] * 10,
    *["cancel", "retry", "reset", "disable", "enable", "die", "leave", "restart", "cancel_all", "reopen"] * 12,
]
"""What a move can be, as often as it is to be drawn."""

NUMBERS = st.integers(0, 15**3 - 1).map(lambda drawn: (drawn % 15, drawn // 15 % 15, drawn // 15**2))
"""Three small numbers at once: drawing takes Hypothesis a third of the time of an example."""

MOVES = st.lists(
    st.tuples(st.sampled_from(KINDS), NUMBERS),
    min_size=8,  # otherwise Hypothesis makes five of them on average
    max_size=40,
)

UNUSED = st.tuples(st.frozensets(SMALL, max_size=3), st.frozensets(SMALL, max_size=2))
"""Jobs that are disabled before the workflow is initialized, and those that are enabled again before it is."""


@pytest.fixture(scope="module")
def long_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for all examples; each is a workflow of its own."""
    with Stage(tmp_path_factory.mktemp("oracle")) as made:
        yield made


@pytest.mark.parametrize("barriers", [False, True], ids=["edges", "barriers"])
@pytest.mark.parametrize("runners", [1, 2, 3, 4])
@settings(
    max_examples=EXAMPLES // 8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(lines=JOBS, unused=UNUSED, moves=MOVES)
def test_the_engine_agrees_with_the_oracle(
    long_stage: Stage,
    lines: list[tuple[frozenset[int], frozenset[int], bool]],
    unused: tuple[frozenset[int], frozenset[int]],
    runners: int,
    barriers: bool,
    moves: list[tuple[str, tuple[int, int, int]]],
) -> None:
    play = Play(long_stage, lines, unused, runners, barriers)
    for kind, numbers in moves:
        play.move(kind, *numbers)
    play.flow.check()
    play.finish()
    play.check_end()
    event("complete" if play.oracle.over else "not complete")
    for runner in play.runners:
        runner.leaves()
