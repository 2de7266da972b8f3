"""Pictures of screens, compared cell by cell with those kept in `snapshots/`.

`UPDATE_SNAPSHOTS=1` keeps what is shown now: look at the pictures before you commit them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui import large_database
from tests.tui.pictures import svg
from tests.tui.terminal import CONSOLE, Grid, Terminal

KEPT = Path(__file__).with_name("snapshots")

VARIES = re.compile(r"\d\d:\d\d:\d\d|(?<=127\.0\.0\.1:)\d+")
"""Clock times and the port of the server."""

WIDE, NARROW = (140, 40), (80, 24)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with a few workflows, one of which has many jobs."""
    running = ServerProcess(tmp_path_factory.mktemp("pictures"))
    large_database.make(running.database, 500, 20)
    with running:
        yield running


def steady(grid: Grid) -> Grid:
    """The picture without what differs from run to run."""
    lines = []
    for line in grid:
        text = VARIES.sub(lambda found: re.sub(r"\d", "0", found[0]), "".join(cell[0] for cell in line))
        lines.append([(shown, *look) for shown, (_, *look) in zip(text, line, strict=True)])
    return lines  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("name", "view", "keys", "sees", "size"),
    [
        ("home", "", [], "workflow_0020", WIDE),
        ("home-narrow", "", [], "workflow_0020", NARROW),
        ("jobs", "jobs 1", [], "job_007919", WIDE),
        ("jobs-narrow", "jobs 1", [], "job_007919", NARROW),
        ("jobs-filtered", "jobs 1 status=failed", [], "10 of 500 jobs", WIDE),
        ("plan", "plan 1", [], "WHICH", WIDE),
        ("inspector", "job 1", [], "no such thing", WIDE),
        ("failures", "failures", ["enter"], "no such thing", WIDE),
        ("retry", "failures", ["R"], "Not now", NARROW),
        ("help", "jobs 1", ["?"], "esc closes", WIDE),
    ],
)
def test_a_screen_looks_as_it_was_judged(
    server: ServerProcess, tmp_path: Path, name: str, view: str, keys: list[str], sees: str, size: tuple[int, int]
) -> None:
    command = [*CONSOLE, "--url", server.url, *(["--view", view] if view else [])]
    with Terminal(command, size=size, folder=tmp_path, environment={"TZ": "UTC"}) as terminal:
        terminal.sees("LIVE")
        if keys:
            terminal.settle()
            terminal.press(*keys)
        terminal.sees(sees)
        terminal.settle(0.5)
        picture = svg(steady(terminal.grid))
    kept = KEPT / f"{name}.svg"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        KEPT.mkdir(exist_ok=True)
        kept.write_text(picture, encoding="utf-8")
    if picture != kept.read_text(encoding="utf-8"):
        seen = tmp_path / f"{name}.svg"
        seen.write_text(picture, encoding="utf-8")
        pytest.fail(f"{name} looks otherwise than {kept}: see {seen}")
