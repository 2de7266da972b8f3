"""Reinitialising a workflow of 100,000 jobs after one of its input files has changed."""

from __future__ import annotations

import os
import statistics
import time

from tests.bench.fake_runner import FakeRunner
from tests.bench.lab import SHM, Lab, cpu_seconds, lab
from tests.bench.table import row

FAMILY = """\
name: family
files:
  - {{name: "in_{{a}}", path: "in_{{a}}", parameters: {{a: "1:{inputs}"}}}}
  - {{name: "mid_{{a}}_{{b}}", path: "mid_{{a}}_{{b}}", parameters: {{a: "1:{inputs}", b: "1:{each}"}}}}
jobs:
  - name: first_{{a}}_{{b}}
    command: "cat ${{files.input.in_{{a}}}} > ${{files.output.mid_{{a}}_{{b}}}}"
    parameters: {{a: "1:{inputs}", b: "1:{each}"}}
  - name: second_{{a}}_{{b}}
    command: "cat ${{files.input.mid_{{a}}_{{b}}}}"
    parameters: {{a: "1:{inputs}", b: "1:{each}"}}
"""
"""Each input is read by `each` jobs, and what each of these makes by one more."""

INPUTS = 100


def reinitialise(rounds: int, n: int) -> None:
    """Change one input, look and reinitialise, and compare what is to run again with what is below the input."""
    each = n // (2 * INPUTS)
    with lab(SHM) as it:
        for i in range(1, INPUTS + 1):
            (it.folder / f"in_{i}").write_text("before")
        path = it.folder / "family.yaml"
        path.write_text(FAMILY.format(inputs=INPUTS, each=each))
        it.measure("workflows", "create", path)
        it.measure("workflows", "initialize", "1", "--yes")
        looked, done, spent = [], [], []
        for number in range(1, rounds + 1):
            _complete(it)
            changed = it.folder / f"in_{number}"
            changed.write_text("after")
            os.utime(changed, (time.time() + number, time.time() + number))
            looked.append(it.measure("workflows", "reinitialize", "1", "--dry-run").seconds)
            assert it.server is not None
            before = cpu_seconds(it.server.pid)
            command = it.measure("workflows", "reinitialize", "1")
            spent.append(cpu_seconds(it.server.pid) - before)
            done.append(command.seconds)
            _is_what_is_below(it, number, each)
    cpu = f"server's CPU {statistics.median(spent):.2f} s"
    row(f"reinitialise {2 * each} of {n} jobs", f"{statistics.median(done):.2f} s", "<= 3 s", cpu)
    row(f"reinitialise {2 * each} of {n} jobs, dry run", f"{statistics.median(looked):.2f} s", "<= 3 s")


def _complete(it: Lab) -> None:
    """Complete every job that can run."""
    runner = FakeRunner(it.env["TORC_API_URL"], 1, 500, it.folder)
    while runner.work():
        pass
    runner.close()
    assert it.query("SELECT count(*) FROM job WHERE status <> 5")[0][0] == 0


def _is_what_is_below(it: Lab, number: int, each: int) -> None:
    """Exactly the readers of the input are ready, and what is below them blocked."""
    found = {row[0] for row in it.query("SELECT name FROM job WHERE status <> 5")}
    expected = {f"{stage}_{number}_{b}" for stage in ("first", "second") for b in range(1, each + 1)}
    if found != expected:
        raise RuntimeError(f"{len(found)} jobs run again, {len(expected)} are below the input")
