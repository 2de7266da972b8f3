"""Random keys and random sizes on every screen: nothing may raise, and nearly every action gets its turn.

What an action would change is asked for and shown, but never done.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from textual import events
from textual.drivers.headless_driver import HeadlessDriver
from textual.geometry import Size

from tests.server_process import ServerProcess
from tests.tui.driver import LIMIT_S, Driver
from torc_core.client import endpoints
from torc_core.client.http import Address, Client
from torc_tui import local_runs
from torc_tui.actions import Action
from torc_tui.app import ConsoleApp
from torc_tui.checking import check
from torc_tui.context import Context
from torc_tui.plans import Plan
from torc_tui.screens.console_screen import ConsoleScreen

FLOW = {
    "name": "storm",
    "files": [{"name": "made", "path": "made.txt"}],
    "user_data": [{"name": "value", "data": {"a": 1}}],
    "resource_requirements": [
        {"name": "small", "num_cpus": 1, "memory": "100m", "runtime": "PT1M"},
        {"name": "never", "num_cpus": 1, "num_gpus": 99, "memory": "1g", "runtime": "PT1M"},
    ],
    "jobs": [
        {"name": "makes", "command": "echo made | tee made.txt", "output_files": ["made"],
         "resource_requirements": "small", "input_user_data": ["value"]},
        {"name": "fails", "command": "for i in 1 2 3 4 5 6 7 8 9; do echo line $i >&2; done; exit 3",
         "resource_requirements": "small"},
        {"name": "below", "command": "true", "depends_on": ["fails"], "resource_requirements": "small"},
        {"name": "waits", "command": "true", "resource_requirements": "never"},
        {"name": "off_{i}", "command": "true", "depends_on": ["waits"], "parameters": {"i": "1:60"},
         "resource_requirements": "small"},
    ],
}  # fmt: skip


def prepare(server: ServerProcess) -> tuple[int, int]:
    """A workflow that has run here as far as it can; gives its id and that of its failed job."""
    file = Path("storm.json")
    file.write_text(json.dumps(FLOW))
    plan = check(file, Path.cwd(), "tester").plan
    assert plan is not None
    address = Address(server.url)
    with Client(address, "tester") as client:
        workflow_id = client.send(endpoints.create_from_plan(lambda: plan.lines(True), "storm")).workflow_id
        local_runs.start_run(address, workflow_id, "storm", str(Path.cwd()), run_id=1)
        deadline = time.monotonic() + LIMIT_S
        while client.send(endpoints.summary(workflow_id)).counts.get("canceled") != 1:
            assert time.monotonic() < deadline, "the jobs that can run have not ended"
            time.sleep(0.02)
    with server.client() as http:
        jobs = http.get("/jobs", params={"workflow_id": workflow_id}).json()["items"]
    return workflow_id, next(job["id"] for job in jobs if job["name"] == "fails")


def screens(workflow_id: int, job_id: int) -> list[str]:
    """An address of each screen."""
    tabs = ("jobs", "files", "data", "results", "events", "nodes", "requirements", "plan")
    return [
        "workflows", *(f"{tab} {workflow_id}" for tab in tabs), f"job {job_id}", f"log {job_id}", f"plot {job_id}",
        f"timeline {workflow_id}", "plot node 1", "failures", "new storm.json", "runs", "run 1", "server", "settings",
    ]  # fmt: skip


OTHER_KEYS: list[str] = [
    "escape", "enter", "tab", "shift+tab", "space", "backspace", "up", "down", "left", "right", "home", "end",
    "pageup", "pagedown", "delete", "f5", "ctrl+a", "ctrl+w", "ctrl+k", "question_mark", "colon", "slash", "asterisk",
    *"abcdefghijklmnopqrstuvwxyzGLNRDSX0123456789", "equals_sign", "minus", "plus", "full_stop", "exclamation_mark",
    "left_square_bracket", "right_square_bracket", "quotation_mark", "left_parenthesis", "backslash", "ä", "字",
]  # fmt: skip

CHARACTERS = {
    "space": " ", "slash": "/", "question_mark": "?", "exclamation_mark": "!", "colon": ":", "comma": ",",
    "asterisk": "*", "equals_sign": "=", "minus": "-", "plus": "+", "full_stop": ".", "quotation_mark": '"',
    "left_square_bracket": "[", "right_square_bracket": "]", "left_parenthesis": "(", "backslash": "\\",
}  # fmt: skip

PAUSES_S = (0.0, 0.0, 0.002, 0.01, 0.03)
"""Between two steps: faster than anybody types, and slow enough for answers to come in between."""

_NAMES = {"/": "slash", "?": "question_mark", "!": "exclamation_mark", ":": "colon", ",": "comma"}


class Storm:
    """Random keys on a console: `await storm.rage("jobs 1", keys=500, resizes=200)`, then `storm.fired`."""

    def __init__(self, driver: Driver, seed: int) -> None:
        self.driver = driver
        self.random = random.Random(seed)
        self.fired: set[str] = set()
        """Ids of the actions that were done, or that said why they cannot be."""
        self.history: list[str] = []

    @contextmanager
    def harmless(self) -> Iterator[None]:
        """While it lasts nothing is changed, nobody leaves, and no program is started that waits for somebody."""
        storm = self
        perform, carry_out = ConsoleApp.perform, ConsoleApp.carry_out

        def noted(app: ConsoleApp, action: Action, screen: ConsoleScreen) -> None:
            if Context(app, screen).why_not(action) is None:
                storm.fired.add(action.id)
            perform(app, action, screen)

        async def refused(app: ConsoleApp, plan: Plan, *args: Any, **named: Any) -> Any:
            async def apply() -> str:
                return "not done: it is a storm"

            quiet = Plan(
                **{name: getattr(plan, name) for name in Plan.__dataclass_fields__ if name != "apply"}, apply=apply
            )
            return await carry_out(app, quiet, *args, **named)

        with (
            patch.object(ConsoleApp, "perform", noted),
            patch.object(ConsoleApp, "carry_out", refused),
            patch.object(ConsoleApp, "exit", lambda *_, **__: None),
            patch.dict(os.environ, {"EDITOR": "true", "VISUAL": "true", "PAGER": "true"}),
        ):
            yield

    def _key(self) -> str:
        """Often that of an action of this screen, and of those rather one that had no turn."""
        app = self.driver.app
        screen = app.screen
        if isinstance(screen, ConsoleScreen) and screen.typing is None and self.random.random() < 0.8:
            here = [action for action in app.registry.in_places(screen.places) if app.registry.keys[action.id]]
            new = [action for action in here if action.id not in self.fired]
            action = self.random.choice(new if new and self.random.random() < 0.6 else here)
            key = self.random.choice(app.registry.keys[action.id])
            return _NAMES.get(key, key)
        return self.random.choice(OTHER_KEYS)

    async def rage(self, address: str, keys: int, resizes: int) -> None:
        """Press so many keys and change the size so often, beginning anew at the address now and then."""
        steps = ["key"] * keys + ["size"] * resizes
        self.random.shuffle(steps)
        for number, step in enumerate(steps):
            if number % 12 == 0:
                await self._begin(address)
            if step == "size":
                size = self.random.randint(1, 200), self.random.randint(1, 60)
                self.history.append(f"{size[0]}x{size[1]}")
                self._resize(*size)
            else:
                key = self._key()
                self.history.append(key)
                self._press(key)
            await asyncio.sleep(self.random.choice(PAUSES_S))
            self.check(address)
        await self._begin(address)

    async def _begin(self, address: str) -> None:
        """Leave dialogs and fields, and go to the address."""
        app = self.driver.app
        for _ in range(6):
            self._press("escape")
            await asyncio.sleep(0.01)
        if self.random.random() < 0.7:
            self._resize(140, 40)
        while len(app.screen_stack) > 8:
            await app.pop_screen()
        self.history = [f":{address}"]
        app.obey(address, self.driver.screen)
        await self.driver.until(lambda: app.idle or self.driver.dialog)
        self.check(address)

    def _press(self, key: str) -> None:
        app = self.driver.app
        event = events.Key(key, key if len(key) == 1 else CHARACTERS.get(key))
        event.set_sender(app)
        assert app._driver is not None
        app._driver.send_message(event)

    def _resize(self, columns: int, lines: int) -> None:
        size = Size(columns, lines)
        driver = self.driver.app._driver
        assert isinstance(driver, HeadlessDriver)
        driver._size = size
        self.driver.app.post_message(events.Resize(size, size))

    def check(self, address: str) -> None:
        """AssertionError with the keys that led there when something was raised."""
        app = self.driver.app
        error = app._exception or next(iter(app.defects), None)
        assert error is None, f"{address}: {' '.join(self.history)}: {type(error).__name__}: {error}"


def unfired(app: ConsoleApp, fired: set[str]) -> list[str]:
    """The actions that never got their turn."""
    return sorted(set(app.registry.actions) - fired)
