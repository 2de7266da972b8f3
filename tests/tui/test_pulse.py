"""Under the list of workflows: failures by cause, and the runners at work."""

from __future__ import annotations

import asyncio

import pytest
from server_process import ServerProcess

from tests.tui.driver import Driver, Workshop
from tests.tui.test_console import drive
from torc_core.models.console import LiveNodes
from torc_core.models.failures import FailureGroup, Failures
from torc_tui.rendering.cells import plain, width_of
from torc_tui.rendering.pulse_view import pulse_lines
from torc_tui.widgets.pulse import Pulse

MB = 1 << 20


def test_failures_and_runners_come_and_go_by_themselves(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("pulse", {"name": "one"}, {"name": "two"})

    async def script(d: Driver) -> None:
        runner = await asyncio.to_thread(workshop.runner, workflow_id, "n99")
        await d.sees("n99")
        jobs = await asyncio.to_thread(runner.claim)
        await asyncio.to_thread(runner.use, jobs[0], cpu_percent=50.0, memory_bytes=700 * MB)
        d.screen.ticked()
        await d.until(lambda: "700 MB" in d.line("n99"))
        assert "2/64 cpu" in d.line("n99")
        assert "pulse" in d.line("n99")
        await asyncio.to_thread(runner.finish, jobs[0], 41)
        await d.until(lambda: "1 job" in d.line("exit code 41"))
        await asyncio.to_thread(runner.finish, jobs[1])
        await asyncio.to_thread(runner.leave)
        await d.until(lambda: "n99" not in d.text)
        workshop.http.post("/console/retry", json={"ids": [jobs[0]["job_id"]]}).raise_for_status()
        await d.until(lambda: "0/2" in d.line("pulse") or "1/2" in d.line("pulse"))
        d.screen.ticked()
        await d.until(lambda: "exit code 41" not in d.text)

    drive(tui_server.url, script)


def test_on_a_small_terminal_there_is_none_and_nothing_is_asked_for_it(tui_server: ServerProcess) -> None:
    async def script(d: Driver) -> None:
        asked: list[str] = []
        send = d.app.store._send
        d.app.store._send = lambda request: (asked.append(request.path), send(request))[1]  # type: ignore[method-assign]
        assert "ATTENTION" not in d.text
        await d.press("f5")
        d.screen.ticked()
        await d.settle()
        assert "/console/workflows" in asked
        assert not {"/console/failures", "/console/nodes"} & set(asked)
        await d.pilot.resize_terminal(140, 40)
        await d.sees("ATTENTION")
        assert "/console/nodes" in asked
        await d.pilot.resize_terminal(80, 24)
        await d.until(lambda: "ATTENTION" not in d.text)
        assert d.screen.query_one(Pulse).idle

    drive(tui_server.url, script, size=(80, 24))


def group(number: int) -> FailureGroup:
    return FailureGroup(cause=f"cause {number}", jobs=number, workflows=number, workflow="w", first=0, last=0, job_id=1)


@pytest.mark.parametrize(("count", "last"), [(0, "nothing has failed"), (4, "cause 4"), (9, "and 6 more")])
def test_what_does_not_fit_is_counted(count: int, last: str) -> None:
    failures = Failures(groups=[group(i) for i in range(1, count + 1)], matching=count, jobs=count, causes=count)
    rows = [
        {"id": i, "host": f"n{i}", "workflow": "w", "cpus": 4, "memory_gb": 8, "taken_cpus": 2, "silent": 40 * (i == 1),
         "lease": 60, "mem": i * MB}
        for i in range(count)
    ]  # fmt: skip
    nodes = LiveNodes(nodes=rows, total=count, cpus=4, taken_cpus=2, memory_bytes=8 << 30, used_memory_bytes=MB)
    lines = [plain(line) for line in pulse_lines(failures, nodes, 120, 5)]
    assert {width_of([(line, "")]) for line in lines} == {119}
    assert any(last in line for line in lines)
    if count:
        assert ("silent for 40 s" in lines[2]) == (count > 1)
    if count > 4:
        assert "and 6 more" in lines[-1]
