"""Workflows of 100,000 jobs: from a file to initialised, dry runs, and all-of-these before all-of-those."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.fake_runner import FakeRunner
from tests.bench.lab import SHM, Lab, cpu_seconds, lab, peak_mb
from tests.bench.table import row

SWEEP = """\
name: sweep
resource_requirements:
  - {{name: small, num_cpus: 1, memory: 100m, runtime: PT1M}}
jobs:
  - name: work_{{i:06d}}
    command: "echo {{i}} > /dev/null"
    resource_requirements: small
    parameters: {{i: "1:{n}"}}
"""

PAIRS = """\
name: pairs
files:
  - {{name: "out_{{i}}", path: "out/{{i}}.txt", parameters: {{i: "1:{half}"}}}}
jobs:
  - name: make_{{i}}
    command: "echo {{i}} > ${{files.output.out_{{i}}}}"
    parameters: {{i: "1:{half}"}}
  - name: use_{{i}}
    command: "cat ${{files.input.out_{{i}}}}"
    parameters: {{i: "1:{half}"}}
"""

PRODUCT = """\
name: product
jobs:
  - name: cell_{{a}}_{{b}}
    command: "echo {{a}} {{b}}"
    parameters: {{a: "1:{side}", b: "1:{side}"}}
"""

LAYERS = """\
name: layers
jobs:
  - name: first_{{i}}
    command: "true"
    parameters: {{i: "1:{half}"}}
  - name: second_{{i}}
    command: "true"
    parameters: {{i: "1:{half}"}}
{after}"""

AFTER = '    depends_on_regexes: ["^first_[0-9]+$"]\n'


def sweep(rounds: int, n: int) -> None:
    """A file with parameters, from `torc workflows create` to initialised; what server and client need for it."""
    for label, text in (("parameters", SWEEP.format(n=n)), ("pairs by files", PAIRS.format(half=n // 2))):
        _initialised(f"{n} jobs, {label}", "flow.yaml", [text], rounds, seconds=6)


def literal(rounds: int, n: int) -> None:
    """Files in which every job is written out, from `torc workflows create` to initialised."""
    _initialised(f"{n} literal jobs, JSON", "flow.json", list(_json(n)), min(rounds, 3), seconds=6)
    _initialised(f"{n} literal jobs, YAML", "flow.yaml", list(_yaml(n)), 1, seconds=25)


def _json(n: int) -> Iterable[str]:
    yield '{"name": "literal", "jobs": ['
    for i in range(n):
        yield f'{"," if i else ""}\n {{"name": "job_{i}", "command": "echo {i} > /dev/null"}}'
    yield "]}\n"


def _yaml(n: int) -> Iterable[str]:
    yield "name: literal\njobs:\n"
    for i in range(n):
        yield f"  - name: job_{i}\n    command: echo {i} > /dev/null\n"


def _initialised(label: str, name: str, text: list[str], rounds: int, *, seconds: int) -> None:
    costs = []
    for _ in range(rounds):
        with lab(SHM) as it:
            path = it.folder / name
            with open(path, "w") as file:
                file.writelines(text)
            costs.append(_cost(it, path))
    mine = _median(costs)
    row(label, f"{mine.seconds:.2f} s", f"<= {seconds} s", mine.spent)
    row(f"{label}, server's peak", f"{max(cost.server_mb for cost in costs):.0f} MB", "<= 300 MB")
    row(f"{label}, client's peak", f"{max(cost.client_mb for cost in costs):.0f} MB", "<= 400 MB")


@dataclass(order=True)
class _Cost:
    """From a file to an initialised workflow: wall and CPU seconds, and the most memory in MB."""

    seconds: float
    create: float
    server_cpu: float
    client_cpu: float
    server_mb: float
    client_mb: float

    @property
    def spent(self) -> str:
        cpu = f"CPU: server {self.server_cpu:.2f} s, clients {self.client_cpu:.2f} s"
        return f"create {self.create:.2f} s; {cpu}"


def _cost(it: Lab, path: Path) -> _Cost:
    """Create a workflow from a file and initialise it."""
    assert it.server is not None
    before = cpu_seconds(it.server.pid)
    create = it.measure("workflows", "create", path)
    start = it.measure("workflows", "initialize", str(it.last_workflow()), "--yes")
    return _Cost(
        create.seconds + start.seconds,
        create.seconds,
        cpu_seconds(it.server.pid) - before,
        create.cpu + start.cpu,
        peak_mb(it.server.pid),
        max(create.peak_mb, start.peak_mb),
    )


def _median(costs: list[_Cost]) -> _Cost:
    """The round of the median time."""
    return sorted(costs)[len(costs) // 2]


def dry_run(_rounds: int, n: int) -> None:
    """A product of parameters that is only looked at."""
    side = round(n**0.5)
    it = Lab(SHM)
    try:
        path = it.folder / "product.yaml"
        path.write_text(PRODUCT.format(side=side))
        done = it.measure("workflows", "create", path, "--dry-run")
    finally:
        it.close()
    row(f"{side} x {side}, dry run", f"{done.seconds:.2f} s", "<= 30 s")
    row(f"{side} x {side}, dry run, peak", f"{done.peak_mb:.0f} MB", "<= 1000 MB")


def barrier(rounds: int, n: int) -> None:
    """Half of the jobs after all of the other half, by a regex, against the same jobs without it."""
    half = n // 2
    costs: dict[str, list[_Cost]] = {"": [], AFTER: []}
    for number in range(min(rounds, 3)):
        for after, found in costs.items():
            with lab(SHM) as it:
                path = it.folder / "layers.yaml"
                path.write_text(LAYERS.format(half=half, after=after))
                found.append(_cost(it, path))
                if after and number == 0:
                    _edges(it, half)
                    _run(it, n)
    mine, other = _median(costs[AFTER]), _median(costs[""])
    label = f"{half} before {half}"
    row(
        f"{label}, initialised",
        f"{mine.seconds / other.seconds:.2f} x",
        "<= 1.3",
        f"{mine.seconds:.2f} s; {mine.spent}",
    )
    row(f"{label}, without the dependency", f"{other.seconds:.2f} s", "", other.spent)


def _edges(it: Lab, half: int) -> None:
    tables = ("job_depends_on", "barrier_parent", "barrier_child")
    edges = sum(int(it.query(f"SELECT count(*) FROM {table}")[0][0]) for table in tables)
    row(f"{half} before {half}, stored edges", f"{edges}", f"<= {half * 2 * 1.1:.0f}")


def _run(it: Lab, n: int) -> None:
    """Complete all jobs as a runner does and compare what one costs late with what it costs early."""
    slots, costs = 50, []
    runner = FakeRunner(it.env["TORC_API_URL"], it.last_workflow(), slots, it.folder)
    worst = 0.0
    for _ in range(n // slots):
        before = time.perf_counter()
        runner.work()
        costs.append(time.perf_counter() - before)
        worst = max(worst, costs[-1])
    runner.close()
    assert it.query("SELECT n FROM status_count WHERE status = 5")[0][0] == n
    early = statistics.median(costs[len(costs) // 50 : len(costs) // 8]) / slots * 1000
    late = statistics.median(costs[-len(costs) // 4 :]) / slots * 1000
    row(
        f"marginal job after the barrier of {n // 2}",
        f"{late / early:.2f} x",
        "<= 1.2",
        f"{early:.3f} -> {late:.3f} ms",
    )
    row(f"longest exchange of {slots} jobs, the barrier's own", f"{worst * 1000:.0f} ms")
