"""A stage for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.stage import Stage

pytest.register_assert_rewrite("tests.engine.play")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """The engine with its defaults."""
    with Stage(tmp_path) as made:
        yield made
