"""Two runners of different size share one workflow: nothing that fits waits beside free CPUs, nothing big starves."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from tests.real import counts
from tests.runner.waiting import until
from tests.server_process import ServerProcess
from torc_core.models.status import JobStatus
from torc_core.spec import build_plan, load_text

SIZES = {"one": 1, "two": 2, "three": 3}
JOBS = 40
"""Of the workflow whose jobs end when they are let go."""


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


def created(server: ServerProcess, text: str, folder: Path) -> int:
    """Store and initialise the workflow of a text; returns its id."""
    loaded = load_text(text, "yaml", "flow.yaml")
    assert loaded.spec is not None, loaded.errors
    plan = build_plan(loaded.spec, user="tester", origin=folder)
    with server.client() as client:
        return int(client.post("/workflows/from_plan", content=b"".join(plan.lines(True))).json()["workflow_id"])


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


def run_on_two(server: ServerProcess, folder: Path) -> list[Span]:
    """The 400 jobs on a runner of 2 and one of 6 CPUs: what each did."""
    workflow = created(server, workflow_text(), folder)
    with runner(server, workflow, folder, 2) as small, runner(server, workflow, folder, 6) as large:
        assert small.wait(100) == 0
        assert large.wait(100) == 0
    done = spans(server, workflow)
    assert len(done) == 400
    return done


def test_no_cpu_idles_beside_a_job_that_fits(shared_server: ServerProcess, tmp_path: Path) -> None:
    """Whichever job ends: what fits the room that it leaves gets it, though every other job goes on."""
    rng = random.Random(11)
    jobs = [(f"j{i}", rng.choice(list(SIZES.values()))) for i in range(JOBS)]
    workflow = gated_workflow(shared_server, tmp_path, jobs)

    def have_ended(jobs: int) -> bool:
        return counts(shared_server, workflow)["completed"] == jobs

    with runner(shared_server, workflow, tmp_path, 2) as small, runner(shared_server, workflow, tmp_path, 6) as large:
        for ended in range(JOBS):
            until(lambda: no_cpu_idles(shared_server, workflow), "jobs on all CPUs that fit some")
            running = [name for name, status, *_ in states(shared_server, workflow) if status == "running"]
            (tmp_path / rng.choice(sorted(running))).touch()
            until(partial(have_ended, ended + 1), "the end of a job")
        assert (small.wait(20), large.wait(20)) == (0, 0)


def gated_workflow(server: ServerProcess, folder: Path, jobs: list[tuple[str, int]]) -> int:
    """Jobs (name, CPUs) each of which ends when a file of its name is there."""
    lines = ["name: gated", "resource_requirements:"]
    lines += [f"  - {{name: {name}, num_cpus: {n}, memory: 50m, runtime: PT1M}}" for name, n in SIZES.items()]
    names = {n: name for name, n in SIZES.items()}
    gate = f"until test -e {folder}/$TORC_JOB_NAME; do sleep 0.05; done"
    lines.append("jobs:")
    lines += [f"  - {{name: {name}, command: '{gate}', resource_requirements: {names[n]}}}" for name, n in jobs]
    return created(server, "\n".join(lines), folder)


def states(server: ServerProcess, workflow: int) -> list[tuple[str, str, int, int | None]]:
    """Name, status, CPUs and runner of every job."""
    sql = (
        "SELECT job.name, job.status, num_cpus, node_id FROM job"
        " JOIN resource_requirements AS need ON need.id = resource_requirements_id WHERE job.workflow_id = ?"
    )
    with closing(sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)) as db:
        return [(name, JobStatus(s).label, cpus, node) for name, s, cpus, node in db.execute(sql, (workflow,))]


def no_cpu_idles(server: ServerProcess, workflow: int) -> bool:
    """No job that does not run would fit what a runner has free."""
    jobs = states(server, workflow)
    with server.client() as http:
        nodes = http.get("/compute_nodes", params={"workflow_id": workflow}).json()["items"]
    used = {
        node["id"]: sum(cpus for _, status, cpus, at in jobs if (status, at) == ("running", node["id"]))
        for node in nodes
    }
    least = min((cpus for _, status, cpus, _ in jobs if status in ("ready", "pending")), default=100)
    return len(nodes) == 2 and all(least > node["num_cpus"] - used[node["id"]] for node in nodes)


def test_a_job_that_needs_the_whole_runner_is_not_starved_by_small_ones(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, ["--no-auth", "--starvation-s", "1"]) as server:
        done = run_on_two(server, tmp_path)
    first = min(span.start for span in done)
    big = sorted(span.start - first for span in done if span.name.startswith("big"))
    rest = sorted(span.start - first for span in done if not span.name.startswith("big"))
    assert len(big) == 2
    assert big[-1] < rest[-40], f"big jobs started after {big} ms, the last small ones after {rest[-40:]} ms"
