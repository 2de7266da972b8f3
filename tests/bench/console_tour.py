"""A tour of the console's screens with 100,000 jobs: how long its event loop is kept from its work."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import httpx

from tests.bench.console_keys import large_lab
from tests.bench.lab import Lab, resident_mb
from tests.bench.table import row
from tests.tui.driver import Driver, LagProbe, console
from torc_core import run_records
from torc_core.client.http import base_url
from torc_core.run_records import RunOptions
from torc_tui.screens.data import DataScreen

LATE_S = 3.0
"""The server's answers take this long."""

TABS = ("jobs", "files", "data", "results", "events", "nodes", "requirements", "plan")

PLACES = (
    "workflows", *(f"{tab} 1" for tab in TABS), "job 1", "log 1", "plot 1", "timeline 1", "plot node 1", "failures",
    "new", "runs", "run 1", "server", "settings",
)  # fmt: skip


def tour(_rounds: int, n: int) -> None:
    """All screens, with keys on each."""
    with large_lab(n) as it, _own_settings(it):
        _furnish(it)
        asyncio.run(_tour(it.env["TORC_API_URL"], "tour of all screens", patient=False))


def slow(_rounds: int, n: int) -> None:
    """The same, of a server that answers late."""
    with large_lab(n) as it, _own_settings(it), _late(it) as url:
        _furnish(it)
        asyncio.run(_tour(url, f"tour, answers after {LATE_S:.0f} s", patient=True))


@contextlib.contextmanager
def _own_settings(it: Lab) -> Iterator[None]:
    """The console runs in this process: with the lab's environment."""
    before = dict(os.environ)
    os.environ.update(it.env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _furnish(it: Lab) -> None:
    """What the large fixture has none of: a document of some 100 kB, and a local run with a long log."""
    url = it.env["TORC_API_URL"]
    values = {f"parameter_{i}": [i, i / 7, {"name": f"value {i}"}] for i in range(2_000)}
    document = {"workflow_id": 1, "name": "parameters", "data": values}
    httpx.post(f"{url}/user_data", json=document, timeout=60).raise_for_status()
    number, place = run_records.new_folder()
    ended = subprocess.Popen(["true"])
    run_records.keep(number, ended.pid, 1, "workflow_0001", base_url(url), str(it.folder), RunOptions(), {})
    ended.wait()
    (place / "said").write_text("".join(f"line {i} of what the runner has said\n" for i in range(20_000)))


@contextlib.contextmanager
def _late(it: Lab) -> Iterator[str]:
    url = it.env["TORC_API_URL"]
    port = re.search(r":(\d+)/", url)
    assert port is not None
    command = [sys.executable, "-m", "tests.bench.slow_proxy", port[1], str(LATE_S)]
    proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert proxy.stdin is not None
    assert proxy.stdout is not None
    try:
        yield url.replace(port[1], proxy.stdout.readline().strip())
    finally:
        proxy.stdin.close()
        proxy.wait(10)


async def _tour(url: str, name: str, *, patient: bool) -> None:
    limit_s = 60.0 if patient else 10.0
    async with console(url, limit_s=limit_s) as driver:
        driver.app.spare_the_collector()  # as it does in a terminal
        before = resident_mb(os.getpid())
        async with LagProbe() as lag:
            for place in PLACES:
                await _visit(driver, place, limit_s, patient=patient)
        row(f"{name}, lag of the event loop, 99 %", f"{lag.p99_ms:.1f} ms", "< 50 ms", f"{len(lag.lags)} looks")
        row(f"{name}, worst", f"{lag.worst_ms:.1f} ms", "< 100 ms", f"{lag.worst_cpu_ms:.1f} ms of CPU")
        row(f"{name}, memory grew by", f"{resident_mb(os.getpid()) - before:.1f} MB", "< 30 MB")


async def _visit(driver: Driver, place: str, limit_s: float, *, patient: bool) -> None:
    """Go there, move, page, mark, filter, ask for help, and leave; with a late server also before it answers."""
    app, pilot = driver.app, driver.pilot
    app.obey(place, driver.screen)
    if patient:
        await pilot.press("down", "pagedown", "up")
    await driver.until(lambda: app.idle or driver.dialog, limit_s)
    if place.startswith("data "):
        await pilot.press("enter")  # the document, which has no address of its own
        await driver.until(lambda: app.idle, limit_s)
        assert isinstance(driver.screen, DataScreen)
    for key in ("down", "down", "pagedown", "end", "home", "question_mark", "escape", "ctrl+p", "escape"):
        await pilot.press(key)
    await driver.until(lambda: app.idle or driver.dialog, limit_s)
    if driver.screen.table is not None:
        await pilot.press("slash", "1", "0", "enter")
        await driver.until(lambda: app.idle or driver.dialog, limit_s)
        await pilot.press("escape")
    for size in ((80, 24), (140, 40)):
        await pilot.resize_terminal(*size)
    await driver.until(lambda: app.idle or driver.dialog, limit_s)
    for _ in range(4):
        await pilot.press("escape")
