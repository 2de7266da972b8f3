"""`python -m tests.bench [ROW …] [--rounds 5] [--quick]`: prints a table; each row beside its peers of the same run.

Load goes to this machine only and ends by itself. Without names every row is measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tests.bench import (
    console,
    console_keys,
    console_log,
    console_tour,
    engine,
    killed,
    neighbours,
    reinitialise,
    scale,
    storm,
)

ROWS: dict[str, tuple[Callable[[int, int], None], int]] = {
    "throughput": (engine.throughput, 5000),
    "chain": (engine.chain_steps, 500),
    "marginal": (engine.marginal, 20_000),
    "start": (engine.start, 1),
    "idle": (engine.idle, 1),
    "scale": (scale.sweep, 100_000),
    "literal": (scale.literal, 100_000),
    "dry-run": (scale.dry_run, 1_000_000),
    "barrier": (scale.barrier, 100_000),
    "neighbours": (neighbours.neighbours, 100_000),
    "killed": (killed.killed, 100_000),
    "reinitialise": (reinitialise.reinitialise, 100_000),
    "console-run": (console.console, 10_000),
    "console-keys": (console_keys.keys, 100_000),
    "console-away": (console_keys.away, 1000),
    "console-tour": (console_tour.tour, 100_000),
    "console-slow": (console_tour.slow, 100_000),
    "console-log": (console_log.log, 1000),
    "console-storm": (storm.storm, 500),
}
"""What measures it, given how many rounds and jobs, and its full number of jobs."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)}; console means all that begin so")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the jobs, one round: does it work at all")
    options = parser.parse_args()
    chosen = {name for name in ROWS for asked in options.rows if name == asked or name.startswith(f"{asked}-")}
    if unknown := {asked for asked in options.rows if not any(name.startswith(asked) for name in chosen)}:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    for name in [name for name in ROWS if name in chosen or not options.rows]:
        measure, n = ROWS[name]
        measure(1 if options.quick else options.rounds, max(n // 10, 20) if options.quick else n)


if __name__ == "__main__":
    main()
