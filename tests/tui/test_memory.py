"""A console that stays open keeps nothing of the screens that were closed."""

from __future__ import annotations

import gc
import subprocess
import sys

from textual.strip import Strip

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop, console, driven


def strips() -> int:
    """How many drawn lines are kept by anything at all."""
    gc.collect()
    return sum(isinstance(each, Strip) for each in gc.get_objects())


@driven
async def test_lines_of_closed_screens_are_not_kept(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, ids = workshop.workflow("closed", {"name": "a"})
    async with console(tui_server.url) as driver:
        counts, home = [], len(driver.app.screen_stack)
        for _ in range(5):
            for place in (f"jobs {workflow_id}", f"job {ids[0]}", "failures"):
                await driver.go(place)
                await driver.press("question_mark", "escape", "escape")
            while len(driver.app.screen_stack) > home:  # an escape gives up what takes over a second, first
                await driver.press("escape")
            counts.append(strips())
        assert min(counts[2:]) < counts[0] + 100, counts  # a screen just left may be kept for a moment


SPARED = """
import gc, weakref
from torc_tui import memory
class Screen: pass
memory.spare_the_collector()
screen = Screen(); screen.itself = screen; gone = weakref.ref(screen)
gc.collect(1)
del screen
kept = [[] for _ in range(100_000)]
assert gone() is not None, "everything was looked at while something was made"
memory.collect()
assert gone() is None, "nothing was freed"
looks = gc.get_stats()[2]["collections"]
memory.collect()
assert gc.get_stats()[2]["collections"] == looks, "looked again, though nothing was made"
"""


def test_what_is_not_used_any_more_is_freed_between_times_only() -> None:
    done = subprocess.run([sys.executable, "-c", SPARED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
