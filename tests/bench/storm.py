"""Random keys and sizes on every screen of the console, at full length."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from tests.bench.table import row
from tests.server_process import ServerProcess
from tests.tui.driver import console
from tests.tui.storm import Storm, prepare, screens, unfired

RESIZES = 200


def storm(_rounds: int, n: int) -> None:
    """`n` keys on each screen; whatever is raised ends the measurement with the keys that led there."""
    with tempfile.TemporaryDirectory(prefix="torc-bench-") as scratch:
        os.chdir(scratch)
        os.environ.update(XDG_STATE_HOME=f"{scratch}/state", XDG_CONFIG_HOME=f"{scratch}/config", USER="tester")
        with ServerProcess(Path(scratch)) as server:
            asyncio.run(_storm(server, n))


async def _storm(server: ServerProcess, n: int) -> None:
    places = screens(*prepare(server))
    async with console(server.url) as driver:
        wind = Storm(driver, seed=11)
        with wind.harmless():
            for place in places:
                await wind.rage(place, n, RESIZES)
        actions = len(driver.app.registry.actions)
        left = unfired(driver.app, wind.fired)
        share = (actions - len(left)) / actions * 100
        row(f"{n} keys, {RESIZES} sizes on {len(places)} screens", "nothing raised", "nothing raised")
        row("actions that had their turn", f"{share:.0f} %", ">= 80 %", "not: " + ", ".join(left))
