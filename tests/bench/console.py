"""A console on the jobs table while 10,000 jobs run at full speed: what it costs the run, and what it costs itself."""

from __future__ import annotations

import re
import statistics
import time
from dataclasses import dataclass

from tests.bench.lab import BIN, SHM, Lab, cpu_seconds, independent, lab
from tests.bench.table import row
from tests.tui.terminal import Terminal
from torc_core.models.status import JobStatus

REPAINT = b"\x1b[1;2H"
"""Where every update of the screen leaves the cursor."""

_ROW = re.compile(r"^\W*(\d+)  (job_\d+) +\S (\w+) +(\d+) ", re.MULTILINE)
"""A line of the table: id, name, status, attempt."""

CAUGHT_UP_S = 5.0
"""How long the screen may take to show the end after it has come."""


@dataclass
class Watched:
    """A run with the console on it: jobs a second, its share of a core, updates a second, bytes a second."""

    rate: float
    cores: float
    repaints: float
    written: float


def console(rounds: int, n: int) -> None:
    """The rate of a run with and without it, in turn; its CPU and repaints; whether it ends with what is true."""
    with lab(SHM) as it:
        path = it.write("independent", independent(n))
        alone, watched = [], []
        for _ in range(rounds):
            it.torc(path)
            alone.append(_rate(it, n))
            watched.append(_watch(it, n))
    rate = statistics.median(each.rate for each in watched)
    ratio = statistics.median(one.rate / other for one, other in zip(watched, alone, strict=True))
    without = f"{rate:.0f} jobs/s, without {statistics.median(alone):.0f} jobs/s"
    row(f"{n} jobs with a console on them, rate", f"{ratio:.2f} x", "", without)
    row("console meanwhile, CPU", f"{statistics.median(each.cores for each in watched):.2f} cores", "<= 0.2")
    written = f"{statistics.median(each.written for each in watched) / 1000:.1f} kB/s"
    repaints = statistics.median(each.repaints for each in watched)
    row("console meanwhile, repaints", f"{repaints:.1f} a second", "<= 4", written)


def _rate(it: Lab, n: int) -> float:
    """Jobs a second of the last workflow, from the first start to the last end."""
    sql = "SELECT min(start_ms), max(end_ms), count(*) FROM result WHERE workflow_id = ?"
    first, last, count = it.query(sql, it.last_workflow())[0]
    assert count == n
    return float(n / (last - first) * 1000)


def _watch(it: Lab, n: int) -> Watched:
    """Run the workflow with a console on its jobs, and compare what is shown at the end with the database."""
    it.measure("workflows", "create", it.folder / "independent.json")
    number = it.last_workflow()
    command = [str(BIN / "torc"), "tui", "--url", it.env["TORC_API_URL"], "--view", f"jobs {number}"]
    with Terminal(command, environment=it.env, folder=it.folder) as terminal:
        terminal.sees("LIVE", "job_10")
        terminal.settle()
        before, began, cpu = terminal.count, time.perf_counter(), cpu_seconds(terminal.process.pid)
        it.torc(str(number))
        seconds = time.perf_counter() - began
        cores = (cpu_seconds(terminal.process.pid) - cpu) / seconds
        told = terminal.since(before)
        terminal.until(lambda: _is_true(it, terminal, number), CAUGHT_UP_S)
    return Watched(_rate(it, n), cores, told.count(REPAINT) / seconds, len(told) / seconds)


def _is_true(it: Lab, terminal: Terminal, number: int) -> bool:
    """Whether the jobs that are shown, and how many there are of everything, are shown as the database has them."""
    text = terminal.text
    shown = {int(job): (name, status, int(attempt)) for job, name, status, attempt in _ROW.findall(text)}
    rows = it.query("SELECT id, name, status, attempt_id FROM job WHERE workflow_id = ?", number)
    stored = {job: (name, JobStatus(int(status)).label, attempt) for job, name, status, attempt in rows}
    results = it.query("SELECT count(*) FROM result WHERE workflow_id = ?", number)[0][0]
    told = f"Jobs {len(stored):,} " in text and f"Results {int(results):,} " in text and "100 %" in text
    return told and len(shown) > 10 and all(stored.get(job) == said for job, said in shown.items())
