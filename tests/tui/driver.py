"""Driving the console in tests: keys go in, conditions on what is shown are waited for; and a measure of its stalls."""

from __future__ import annotations

import asyncio
import functools
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

import httpx
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from torc_core.client.request import Request
from torc_tui.app import ConsoleApp
from torc_tui.connect import NamedServer
from torc_tui.rendering.glyphs import Characters
from torc_tui.screens.console_screen import ConsoleScreen
from torc_tui.widgets import action_bar
from torc_tui.widgets.paged_table import PagedTable

LIMIT_S = 30.0
"""How long a condition may take to come true."""

SAID_S = 10.0
"""How long what is said stays: on a busy machine a test may look at it later than a user does."""


class Driver:
    """A console under test."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys, by Textual's names, and wait until everything that they ask for is shown."""
        for key in keys:
            await self.pilot.press(key)
        await self.settle()

    async def type(self, text: str) -> None:
        """Type a text into what has the focus."""
        await self.pilot.press(*(_KEYS.get(character, character) for character in text))

    def at_once(self, *keys: str) -> None:
        """Type without looking: characters, or keys by Textual's names."""
        for key in keys:
            event = events.Key(_character_to_key(key), key) if len(key) == 1 else events.Key(key, None)
            self.app.post_message(event)

    def asked(self) -> list[str]:
        """The paths of all that the server is asked for from now on, as it is asked."""
        paths: list[str] = []
        store, send = self.app.store, self.app.store._send

        def noting(request: Request[Any]) -> Any:
            paths.append(request.path)
            return send(request)

        store._send = noting  # type: ignore[method-assign]
        return paths

    def all_said(self) -> list[str]:
        """All that the console says from now on, as it is said: what comes next may take its place at once."""
        told: list[str] = []
        say = self.app.say

        def noting(text: str, *, error: bool = False) -> None:
            told.append(text)
            say(text, error=error)

        self.app.say = noting  # type: ignore[method-assign]
        return told

    def hold_answers(self) -> HeldAnswers:
        """From now on the console gets what the server answers only once that is let go."""
        held = HeldAnswers()
        store, send = self.app.store, self.app.store._send

        async def late(request: Request[Any]) -> Any:
            answer = await send(request)
            held.paths.append(request.path)
            await held.gate.wait()
            return answer

        store._send = late  # type: ignore[method-assign]
        return held

    async def hears(self, event: str, change: Callable[[], object]) -> None:
        """Change something on the server, and wait until the console has heard of it as such an event."""
        heard: list[object] = []
        leave = self.app.store.subscribe(lambda news: heard.append(getattr(news, "event", None)))
        await asyncio.to_thread(change)
        await self.until(lambda: event in heard)
        leave()

    async def settle(self, limit_s: float = LIMIT_S) -> None:
        """Wait until there is nothing left to do, unless the server is away."""
        await self.until(lambda: self.app.idle or bool(self.app.screen_stack[1:] and self.dialog), limit_s)
        await self.pilot.pause()

    async def go(self, address: str) -> None:
        """Go to an address, as `:` does."""
        self.app.obey(address, self.screen)
        await self.settle()

    @property
    def dialog(self) -> bool:
        return not isinstance(self.app.screen, ConsoleScreen)

    async def until(self, condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"did not come true; on screen:\n{self.text}")
            await asyncio.sleep(0.01)

    async def sees(self, text: str) -> None:
        """Wait until a text is on the screen."""
        await self.until(lambda: text in self.text)

    @property
    def text(self) -> str:
        """What is on the screen."""
        return self.app.screen_text()

    def line(self, text: str) -> str:
        """The first line of the screen that contains a text."""
        return next((line for line in self.text.splitlines() if text in line), "")

    @property
    def screen(self) -> ConsoleScreen:
        """The screen under any dialog."""
        screen = self.app.top_screen
        assert screen is not None
        return screen

    @property
    def table(self) -> PagedTable:
        table = self.screen.table
        assert table is not None
        return table

    @property
    def said(self) -> str:
        """What the last line says."""
        return self.screen.action_bar.said


class HeldAnswers:
    """Answers of a server that are true at the time of the question, and late."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        """What has been answered."""
        self.gate = asyncio.Event()

    def let_go(self) -> None:
        """Pass on those that wait, and from now on each at once."""
        self.gate.set()


_KEYS = {
    " ": "space", "=": "equals_sign", "(": "left_parenthesis", ")": "right_parenthesis", ",": "comma",
    "_": "underscore", ">": "greater_than_sign", "<": "less_than_sign", "~": "tilde", "!": "exclamation_mark",
    "-": "minus",
    '"': "quotation_mark", ".": "full_stop",
}  # fmt: skip


@asynccontextmanager
async def console(
    url: str, *, size: tuple[int, int] = (140, 40), limit_s: float = LIMIT_S, **options: Any
) -> AsyncIterator[Driver]:
    """A console at a server, ready when everything of its first screen is shown."""
    options.setdefault("characters", Characters())
    app = ConsoleApp(NamedServer(url, None), **options)
    with patch.object(action_bar, "SAID_S", SAID_S):
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot)
            await driver.settle(limit_s)
            yield driver


def drive(url: str, script: Callable[[Driver], Awaitable[None]], **options: Any) -> None:
    """Run a script against a console."""

    async def run() -> None:
        async with console(url, **options) as driver:
            await script(driver)

    asyncio.run(run())


def driven(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test that is a coroutine, with its fixtures by name."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(test(**fixtures))  # type: ignore[arg-type]

    return run


class LagProbe:
    """How long the event loop was kept from its work: `async with LagProbe() as lag: …`, then `lag.worst_ms`."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        """Milliseconds that each look came late."""
        self.cpu: list[float] = []
        """Milliseconds of CPU time between two looks: what remains of a lag when nobody else has the machine."""
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> LagProbe:
        self._task = asyncio.ensure_future(self._probe())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()

    async def _probe(self) -> None:
        while True:
            started, cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.005)
            self.lags.append((time.perf_counter() - started - 0.005) * 1000)
            self.cpu.append((time.thread_time() - cpu) * 1000)

    @property
    def worst_ms(self) -> float:
        return max(self.lags, default=0.0)

    @property
    def worst_cpu_ms(self) -> float:
        return max(self.cpu, default=0.0)

    @property
    def p99_ms(self) -> float:
        ordered = sorted(self.lags)
        return ordered[int(len(ordered) * 0.99)] if ordered else 0.0


class Workshop:
    """Makes workflows on a server and reports results as a runner does, without running anything."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def _post(self, path: str, body: Any = None, **query: Any) -> Any:
        answer = self.http.post(path, json=body, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def workflow(self, name: str, *jobs: dict[str, Any], initialize: bool = True, **more: Any) -> tuple[int, list[int]]:
        """A workflow with these jobs; `after` names the position of a parent."""
        workflow_id = self._post("/workflows", {"name": name, "user": "tester", **more})["id"]
        ids: list[int] = []
        for i, job in enumerate(jobs):
            parents = [ids[job.pop("after")]] if "after" in job else []
            body = {"name": f"job_{i}", "command": "true", **job, "workflow_id": workflow_id}
            ids.append(self._post("/jobs", {**body, "depends_on_job_ids": parents})["id"])
        if initialize:
            self._post(f"/workflows/{workflow_id}/initialize_jobs")
        return workflow_id, ids

    def many(self, name: str, count: int) -> tuple[int, list[int]]:
        """A workflow of so many independent jobs."""
        workflow_id, _ = self.workflow(name, initialize=False)
        jobs = [{"workflow_id": workflow_id, "name": f"job_{i:05d}", "command": "true"} for i in range(count)]
        made = self._post("/bulk_jobs", {"jobs": jobs})["jobs"]
        self._post(f"/workflows/{workflow_id}/initialize_jobs")
        return workflow_id, [job["id"] for job in made]

    def runner(self, workflow_id: int, host: str = "n17", **more: Any) -> Runner:
        """A runner for a workflow."""
        body = {
            "workflow_id": workflow_id, "hostname": host, "pid": 1, "start_time": "2026-01-01T00:00:00Z",
            "num_cpus": 64, "memory_gb": 64, "num_gpus": 0, "num_nodes": 1, "compute_node_type": "local",
            "uuid": str(uuid.uuid4()), **more,
        }  # fmt: skip
        return Runner(self, workflow_id, self._post("/compute_nodes", body)["id"])

    def end(self, workflow_id: int, **codes: int) -> None:
        """Run everything that can run to its end; jobs named in `codes` exit so, others with 0."""
        runner = self.runner(workflow_id)
        while jobs := runner.claim():
            for job in jobs:
                runner.finish(job, codes.get(job["name"], 0))
        runner.leave()


class Runner:
    """A runner that the test is."""

    def __init__(self, shop: Workshop, workflow_id: int, node_id: int) -> None:
        self._shop = shop
        self.node_id = node_id
        self._path = f"/workflows/{workflow_id}/compute_nodes/{node_id}/exchange"
        self._sequence = 0
        self._held: dict[int, list[int]] = {}

    def _exchange(self, **said: Any) -> Any:
        self._sequence += 1
        body = {
            "sequence": self._sequence, "free": {"num_cpus": 64, "memory_bytes": 64 << 30},
            "held": [*self._held.values()], **said,
        }  # fmt: skip
        return self._shop._post(self._path, body)

    def claim(self, slots: int = 64) -> list[dict[str, Any]]:
        """Get jobs and start them."""
        jobs: list[dict[str, Any]] = self._exchange(slots=slots).get("jobs", [])
        now = int(time.time() * 1000)
        for job in jobs:
            self._held[job["job_id"]] = [job["job_id"], job["attempt_id"]]
        if jobs:
            self._exchange(started=[[job["job_id"], job["attempt_id"], now, 1] for job in jobs])
        return jobs

    def finish(
        self, job: dict[str, Any], code: int = 0, stderr: str = "first line\nit went wrong", **more: Any
    ) -> None:
        """Report the end of a job."""
        self._exchange(results=[self._result(job, code, stderr, **more)])
        self._held.pop(job["job_id"], None)

    def finish_all(self, jobs: list[dict[str, Any]], code: int = 0) -> None:
        """Report the end of many jobs at once."""
        self._exchange(results=[self._result(job, code, "it went wrong") for job in jobs])
        self._held.clear()

    @staticmethod
    def _result(job: dict[str, Any], code: int, stderr: str, **more: Any) -> dict[str, Any]:
        now = int(time.time() * 1000)
        return {
            "job_id": job["job_id"], "run_id": job["run_id"], "attempt_id": job["attempt_id"],
            "status": "failed" if code else "completed", "return_code": code, "start_ms": now - 1500, "end_ms": now,
            "peak_memory_bytes": 123 << 20, **({"stderr_tail": stderr} if code else {}), **more,
        }  # fmt: skip

    def use(self, job: dict[str, Any], *, cpu_percent: float, memory_bytes: int, at_ms: int = 0) -> None:
        """Tell what a job uses."""
        self.use_all([(job, cpu_percent, memory_bytes)], at_ms=at_ms)

    def use_all(self, used: list[tuple[dict[str, Any], float, int]], *, at_ms: int = 0) -> None:
        """Tell what several jobs use at the same time: CPU percent and bytes of each."""
        samples = [[job["job_id"], job["attempt_id"], cpu, memory, 1, at_ms] for job, cpu, memory in used]
        self._exchange(samples=samples)

    def wait(self, wait_ms: int) -> None:
        """Make a call that has nothing to say."""
        self._exchange(wait_ms=wait_ms)

    def leave(self) -> None:
        """Be gone."""
        self._exchange(leaving=True)
