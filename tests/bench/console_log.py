"""A log of 1 GB in the console: its last page, a search over all of it, and what it needs of memory."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import httpx

from tests.bench.console_keys import open_console
from tests.bench.lab import Lab, lab, resident_mb
from tests.bench.table import row
from tests.tui.driver import Workshop

GB = 1 << 30
LINES = 2000
"""Lines of a piece that the log is made of."""

HIT = "needle in the hay"
"""Once in every piece."""


def log(_rounds: int, n: int) -> None:
    """`n` megabytes of log."""
    with lab(Path("/var/tmp")) as it:
        job, pieces = _make(it, n << 20)
        with open_console(it) as terminal:
            terminal.sees("LIVE", "logged")
            terminal.settle(0.5)
            before = resident_mb(terminal.process.pid)
            started = time.monotonic()
            terminal.type(f":log {job}\r")
            terminal.sees("the very last line")
            took = (time.monotonic() - started) * 1000
            row(f"log of {n} MB, last page", f"{took:.0f} ms", "< 300 ms", "with the keys")
            terminal.settle(0.3)
            started = time.monotonic()
            terminal.type("/needle\r")
            terminal.until(lambda: re.search(r"/needle  .*\d", terminal.text), 60)
            first = time.monotonic() - started
            told = f"{pieces:,}"
            terminal.until(lambda: f"of {told}" in terminal.text, 120)
            row("search over all of it, first hits seen", f"{first * 1000:.0f} ms")
            row("all hits counted", f"{time.monotonic() - started:.1f} s", "", f"{pieces} hits")
            row("console's memory grew by", f"{resident_mb(terminal.process.pid) - before:.1f} MB", "< 30 MB")


def _make(it: Lab, size: int) -> tuple[int, int]:
    """A failed job whose stderr is so large; gives its id and how many hits are in it."""
    piece = "".join(f"{i:06d} epoch {i % 97} loss 0.{i * 7919 % 99991:05d} and so it goes on\n" for i in range(LINES))
    piece += HIT + "\n"
    with httpx.Client(base_url=it.env["TORC_API_URL"], timeout=20) as http:
        shop = Workshop(http)
        workflow_id, _ = shop.workflow("logged", {"name": "talks"}, origin=str(it.folder))
        runner = shop.runner(workflow_id, host=os.uname().nodename)
        [held] = runner.claim()
        folder = it.folder / "output" / "job_stdio"
        folder.mkdir(parents=True)
        path = folder / f"job_wf{workflow_id}_j{held['job_id']}_r{held['run_id']}_a{held['attempt_id']}.e"
        data, pieces = piece.encode(), size // len(piece)
        with path.open("wb") as file:
            for _ in range(pieces):
                file.write(data)
            file.write(b"the very last line\n")
        runner.finish(held, 1)
        runner.leave()
    return held["job_id"], pieces
