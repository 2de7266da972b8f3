"""The console in a terminal of 140 by 40 with 100,000 jobs and 1,000 workflows: what keys cost in bytes and in time."""

from __future__ import annotations

import shlex
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from tests.bench.lab import BIN, SHM, Lab, resident_mb
from tests.bench.table import row
from tests.tui import large_database
from tests.tui.driver import Workshop
from tests.tui.terminal import Terminal

WORKFLOWS = 1000
IDLE_S = 60.0
AWAY_S = 60.0


@contextmanager
def large_lab(jobs: int) -> Iterator[Lab]:
    """A server with the large fixture."""
    it = Lab(SHM)
    large_database.make(it.database, jobs, WORKFLOWS)
    try:
        it.start_server()
        yield it
    finally:
        it.close()


def open_console(it: Lab, view: str = "") -> Terminal:
    """`torc tui` on the lab's server."""
    command: list[str | Path] = [BIN / "torc", "tui", "--url", it.env["TORC_API_URL"]]
    if view:
        command += ["--view", view]
    return Terminal(command, environment=it.env, folder=it.folder)


def p95(values: list[float]) -> float:
    return sorted(values)[max(0, round(len(values) * 0.95) - 1)]


def keys(rounds: int, n: int) -> None:
    """First paint, moves, pages, the end, sort, filter; memory; and what an idle console writes."""
    with large_lab(n) as it:
        _first_paint(it, max(rounds, 3))
        for name, view, sees in (("workflows", "", "workflow_1000"), ("jobs", "jobs 1", "job_007919")):
            with open_console(it, view) as terminal:
                terminal.sees("LIVE", sees)
                _moves(terminal, name)
        with open_console(it, "workflows workflow_0001") as terminal:
            terminal.sees("LIVE", "1 of 1,000")
            _seen(terminal, f"table of {n:,} jobs opened", lambda: terminal.press("enter"), "job_007919")
            _far(terminal, n)
        with open_console(it) as terminal:
            terminal.sees("LIVE", "workflow_1000")
            terminal.settle(1.0)
            before, started = terminal.count, time.monotonic()
            terminal.until(lambda: time.monotonic() - started > IDLE_S, IDLE_S + 5)
            row(f"console idle for {IDLE_S:.0f} s writes", f"{terminal.count - before} B", "0 B")


def _first_paint(it: Lab, rounds: int) -> None:
    """From the return key at the shell's prompt to the first letters of the console."""
    times = []
    for _ in range(rounds):
        shell = ["bash", "--norc", "--noprofile", "-i"]
        with Terminal(shell, environment={**it.env, "PS1": "prompt> "}, folder=it.folder) as terminal:
            terminal.sees("prompt>")
            terminal.settle()
            command = shlex.join([str(BIN / "torc"), "tui", "--url", it.env["TORC_API_URL"]])
            terminal.type(command)
            terminal.settle()
            before, started = terminal.count, time.monotonic()
            terminal.press("enter")
            terminal.until(partial(_has_painted, terminal, before))
            times.append((time.monotonic() - started) * 1000)
    row(
        "first paint, from the shell prompt",
        f"{statistics.median(times):.0f} ms",
        "< 900 ms",
        f"worst {max(times):.0f}",
    )


def _has_painted(terminal: Terminal, since: int) -> bool:
    return b"Workflows" in terminal.since(since)


def _moves(terminal: Terminal, name: str) -> None:
    for key, count, most, soon in (("down", 60, 1000, 30), ("pagedown", 20, 15_000, 60)):
        terminal.press("home")
        costs = [terminal.cost(partial(terminal.press, key)) for _ in range(count)]
        what = "cursor move" if key == "down" else "page down"
        sizes, times = [cost.size for cost in costs], [cost.first_s * 1000 for cost in costs]
        row(f"{what} in {name}", f"{max(sizes)} B", f"<= {most} B", f"median {statistics.median(sizes):.0f} B")
        row(f"{what} in {name}, 95 % within", f"{p95(times):.1f} ms", f"< {soon} ms", f"worst {max(times):.1f} ms")


def _far(terminal: Terminal, n: int) -> None:
    """The end, another order, a filter: until it is seen."""
    last = f"job_{n * 7919 % 999_983:06d}"
    greatest = f"job_{max(number * 7919 % 999_983 for number in range(1, n + 1)):06d}"
    before = resident_mb(terminal.process.pid)
    _seen(terminal, "End of the jobs", lambda: terminal.press("end"), last)
    _seen(terminal, "sorted by name", lambda: terminal.type(":sort -name\r"), greatest)
    terminal.press("home")
    terminal.settle(0.5)
    _seen(terminal, "filter status=failed", lambda: terminal.type("/status=failed\r"), f"{n // 50:,} of {n:,}")
    terminal.press("escape")
    for _ in range(40):
        terminal.press("pagedown")
        terminal.settle(0.05)
    row("console's memory grew by", f"{resident_mb(terminal.process.pid) - before:.1f} MB", "< 30 MB")


def _seen(terminal: Terminal, name: str, act: Callable[[], object], text: str) -> None:
    terminal.settle(0.5)
    started = time.monotonic()
    act()
    terminal.sees(text)
    aim = "< 300 ms" if "opened" in name else "< 500 ms"
    row(f"{name}, until it is seen", f"{(time.monotonic() - started) * 1000:.0f} ms", aim)


def away(_rounds: int, _n: int) -> None:
    """The server is killed for a minute under the console."""
    with large_lab(1000) as it, open_console(it) as terminal:
        terminal.sees("LIVE", "workflow_1000")
        assert it.server is not None
        it.server.kill()
        started = time.monotonic()
        it.server.wait()
        terminal.sees("RECONNECTING")
        row("server killed, shown after", f"{time.monotonic() - started:.2f} s", "< 3 s")
        terminal.until(lambda: time.monotonic() - started > AWAY_S, AWAY_S + 5)
        offline = "OFFLINE" in terminal.text
        port = it.env["TORC_API_URL"].rpartition(":")[2].partition("/")[0]
        it.start_server(port)
        back = time.monotonic()
        with httpx.Client(base_url=it.env["TORC_API_URL"], timeout=20) as http:
            Workshop(http).workflow("made_since", {"name": "a"})
        terminal.sees("LIVE", "made_since")
        row(f"server back after {AWAY_S:.0f} s, caught up after", f"{time.monotonic() - back:.2f} s", "< 2 s",
            f"meanwhile {'OFFLINE' if offline else 'not OFFLINE'}")  # fmt: skip
