"""Chaos by seeds: `--chaos-rounds N` plays the seeds 1 to N, `--chaos-seed N` one of them again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.world import World


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with a seed is played once for each."""
    if "seed" in metafunc.fixturenames:
        one = metafunc.config.getoption("--chaos-seed")
        rounds = metafunc.config.getoption("--chaos-rounds")
        metafunc.parametrize("seed", [one] if one is not None else range(1, rounds + 1))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("chaos"))
    yield made
    made.close()
