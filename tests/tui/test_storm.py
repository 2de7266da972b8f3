"""See `storm.py`. `python -m tests.bench storm` does it at full length."""

from __future__ import annotations

from tests.server_process import ServerProcess
from tests.tui.driver import console, driven
from tests.tui.storm import Storm, prepare, screens, unfired

KEYS, RESIZES = 30, 8
"""On each screen. A tenth of the full length, which fires four of five actions; here three of five are asked for."""


@driven
async def test_random_keys_and_sizes_on_every_screen_raise_nothing_and_reach_the_actions(
    tui_server: ServerProcess,
) -> None:
    places = screens(*prepare(tui_server))
    async with console(tui_server.url) as driver:
        storm = Storm(driver, seed=6)
        with storm.harmless():
            for address in places:
                await storm.rage(address, KEYS, RESIZES)
        left = unfired(driver.app, storm.fired)
        assert len(left) <= 0.4 * len(driver.app.registry.actions), left
