"""`python -m tests.bench.earlier FOLDER [--rounds 5] [--quick]`: the same work by this code and by another commit's.

FOLDER has the files of that commit (`git worktree add FOLDER COMMIT`). The two take turns.
"""

from __future__ import annotations

import argparse
import statistics
from itertools import pairwise
from pathlib import Path

from tests.bench.lab import SHM, Lab, chain, independent, lab
from tests.bench.table import row

JOBS, STEPS = 5000, 500


def earlier(folder: Path, rounds: int, quick: bool) -> None:
    """Rate, CPU and steps of dependent jobs against those of the code in `folder`."""
    jobs, steps = (JOBS // 10, STEPS // 10) if quick else (JOBS, STEPS)
    figures: dict[bool, list[tuple[float, float, float]]] = {True: [], False: []}
    with lab(SHM) as mine, lab(SHM, folder) as other:
        for number in range(rounds):
            for it in (mine, other) if number % 2 else (other, mine):
                figures[it is mine].append(_round(it, jobs, steps))
    rate, cpu, step = (
        [ours[i] / theirs[i] for ours, theirs in zip(figures[True], figures[False], strict=True)] for i in range(3)
    )
    told = [(_medians(figures[True], i), _medians(figures[False], i)) for i in range(3)]
    row(
        f"{jobs} jobs, rate against {folder.name}",
        f"{statistics.median(rate):.2f} x",
        ">= 0.9",
        _beside(told[0], "jobs/s"),
    )
    row("CPU a job, likewise", f"{statistics.median(cpu):.2f} x", "<= 1.1", _beside(told[1], "ms"))
    row(
        f"chain of {steps}, median step, likewise", f"{statistics.median(step):.2f} x", "<= 1.1", _beside(told[2], "ms")
    )


def _round(it: Lab, jobs: int, steps: int) -> tuple[float, float, float]:
    """Jobs a second, CPU milliseconds a job of server and runner, median milliseconds of a dependent step."""
    cost = it.run(it.write("independent", independent(jobs)))
    it.torc(it.write("chain", chain(steps)))
    step = statistics.median((b - a) * 1000 for a, b in pairwise(it.stamps(it.last_workflow())))
    return jobs / cost.wall, (cost.server_cpu + cost.runner_cpu) / jobs * 1000, step


def _medians(figures: list[tuple[float, float, float]], i: int) -> float:
    return statistics.median(figure[i] for figure in figures)


def _beside(told: tuple[float, float], unit: str) -> str:
    return f"{told[0]:.4g} against {told[1]:.4g} {unit}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.earlier", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the jobs, one round: does it work at all")
    options = parser.parse_args()
    earlier(options.folder, 1 if options.quick else options.rounds, options.quick)


if __name__ == "__main__":
    main()
