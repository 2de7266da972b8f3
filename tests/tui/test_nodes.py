"""Runners as the console sees them: what their jobs take and use, and how long they were silent."""

from __future__ import annotations

import asyncio

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, drive

MB = 1 << 20


def test_a_node_shows_what_its_jobs_take_and_use(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("on_node", {"name": "one"}, {"name": "two"})
    runner = workshop.runner(workflow_id, host="n42")
    jobs = runner.claim()

    async def script(d: Driver) -> None:
        line = d.line("n42")
        assert "● active" in line
        assert " 2/2 " in line
        assert " 2/64 " in line
        assert "2.0 MB / 64 GB" in line
        for job, memory in zip(jobs, (30, 40), strict=True):
            await asyncio.to_thread(runner.use, job, cpu_percent=75.0, memory_bytes=memory * MB)
        d.screen.ticked()
        await d.until(lambda: "70 MB" in d.line("n42"))
        assert "150 %" in d.line("n42")
        for job in jobs:
            await asyncio.to_thread(runner.finish, job)
        await asyncio.to_thread(runner.leave)
        await d.until(lambda: "gone" in d.line("n42"))
        assert " 64 GB" in d.line("n42")
        assert "150 %" not in d.line("n42")

    drive(tui_server.url, script, view=f"nodes {workflow_id}")


def test_nodes_of_all_workflows_are_summed_up(workshop: Workshop) -> None:
    def mine() -> dict[str, int]:
        told = workshop.http.get("/console/nodes", params={"limit": 1}).json()
        assert len(told["nodes"]) == min(told["total"], 1)
        return {key: told[key] for key in ("total", "cpus", "taken_cpus", "used_memory_bytes")}

    before = mine()
    runners = []
    for name in ("first", "second"):
        workflow_id, _ = workshop.workflow(name, {})
        runner = workshop.runner(workflow_id)
        (job,) = runner.claim()
        runner.use(job, cpu_percent=10.0, memory_bytes=5 * MB)
        runners.append(runner)
    after = mine()
    assert {key: after[key] - before[key] for key in after} == {
        "total": 2, "cpus": 128, "taken_cpus": 2, "used_memory_bytes": 10 * MB,
    }  # fmt: skip
    for runner in runners:
        runner.leave()
    assert mine() == before
