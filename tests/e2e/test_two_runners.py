"""Two runners of different size share one workflow: nothing that fits waits beside free CPUs, nothing big starves.

Keeping a runner free for a starved job leaves CPUs idle on purpose, so the two are shown by two runs.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from server_process import ServerProcess

from torc_core.spec import build_plan, load_text

SIZES = {"one": 1, "two": 2, "three": 3}
TOLERANCE_MS = 150
"""Longest time that a CPU may be free beside a waiting job: what is prefetched elsewhere is about 100 ms of work."""


@dataclass(frozen=True)
class Span:
    """What one job did: its need, who ran it, from when to when."""

    name: str
    cpus: int
    node: int
    start: int
    end: int


def workflow_text() -> str:
    rng = random.Random(7)
    lines = ["name: mixed", "resource_requirements:"]
    lines += [f"  - {{name: {name}, num_cpus: {n}, memory: 50m, runtime: PT1M}}" for name, n in SIZES.items()]
    lines += ["  - {name: all_six, num_cpus: 6, memory: 50m, runtime: PT1M}", "jobs:"]
    for i in range(398):
        size = rng.choice(list(SIZES))
        lines.append(f"  - {{name: j{i}, command: sleep {rng.uniform(0.02, 0.15):.2f}, resource_requirements: {size}}}")
    for i in range(2):
        lines.append(
            f"  - {{name: big{i}, command: sleep 0.3, resource_requirements: all_six, depends_on: [j{40 * i}]}}"
        )
    return "\n".join(lines)


@contextmanager
def runner(server: ServerProcess, workflow: int, folder: Path, cpus: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(Path(sys.executable).parent / "torc-runner"), "--url", server.url, "--workflow", str(workflow)]
    command += ["--num-cpus", str(cpus), "--memory-gb", "8", "--output-dir", str(folder / f"out{cpus}")]
    process = subprocess.Popen(command, cwd=folder)
    try:
        yield process
    finally:
        process.kill() if process.poll() is None else None
        process.wait()


def spans(server: ServerProcess, workflow: int) -> list[Span]:
    with server.client() as client:
        results = client.get("/results", params={"workflow_id": workflow, "limit": 10_000}).json()["items"]
        jobs = {j["id"]: j for j in client.get("/jobs", params={"workflow_id": workflow}).json()["items"]}
        needs = client.get("/resource_requirements", params={"workflow_id": workflow}).json()["items"]
    cpus = {need["id"]: need["num_cpus"] for need in needs}
    return [
        Span(
            jobs[r["job_id"]]["name"],
            cpus[jobs[r["job_id"]]["resource_requirements_id"]],
            r["compute_node_id"],
            ms(r["start_time"]),
            ms(r["completion_time"]),
        )
        for r in results
    ]


def ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def idle_beside_waiting(done: list[Span], node: int, cpus: int) -> int:
    """The longest stretch in ms in which the node had CPUs free while a job that fits them waited.

    The big jobs are left out: they are not ready from the start.
    """
    times = sorted({t for span in done for t in (span.start, span.end)})
    first = min(span.start for span in done if span.node == node)
    longest = current = 0
    for now, then in pairwise(t for t in times if t >= first):
        used = sum(s.cpus for s in done if s.node == node and s.start <= now < s.end)
        waits = any(s.start > now and s.cpus <= cpus - used for s in done if not s.name.startswith("big"))
        current = current + then - now if waits else 0
        longest = max(longest, current)
    return longest


def run_on_two(server: ServerProcess, folder: Path) -> list[Span]:
    """The 400 jobs on a runner of 2 and one of 6 CPUs: what each did."""
    loaded = load_text(workflow_text(), "yaml", "mixed.yaml")
    assert loaded.spec is not None, loaded.errors
    plan = build_plan(loaded.spec, user="tester", origin=folder)
    with server.client() as client:
        answer = client.post("/workflows/from_plan", content=b"".join(plan.lines(True)))
        workflow = answer.json()["workflow_id"]
    with runner(server, workflow, folder, 2) as small, runner(server, workflow, folder, 6) as large:
        assert small.wait(100) == 0
        assert large.wait(100) == 0
    done = spans(server, workflow)
    assert len(done) == 400
    return done


def test_no_cpu_idles_beside_a_job_that_fits(shared_server: ServerProcess, tmp_path: Path) -> None:
    done = run_on_two(shared_server, tmp_path)
    nodes = {node: max(_used_at_once(done, node)) for node in {span.node for span in done}}
    assert sorted(nodes.values()) == [2, 6]
    idle = {cpus: idle_beside_waiting(done, node, cpus) for node, cpus in nodes.items()}
    assert max(idle.values()) <= TOLERANCE_MS, idle


def test_a_job_that_needs_the_whole_runner_is_not_starved_by_small_ones(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, ["--no-auth", "--starvation-s", "1"]) as server:
        done = run_on_two(server, tmp_path)
    first = min(span.start for span in done)
    big = sorted(span.start - first for span in done if span.name.startswith("big"))
    rest = sorted(span.start - first for span in done if not span.name.startswith("big"))
    assert len(big) == 2
    assert big[-1] < rest[-40], f"big jobs started after {big} ms, the last small ones after {rest[-40:]} ms"


def _used_at_once(done: list[Span], node: int) -> list[int]:
    mine = [span for span in done if span.node == node]
    return [sum(s.cpus for s in mine if s.start <= t.start < s.end) for t in mine]
