"""A server killed in the middle of work on 100,000 jobs: its next start does all of it, or nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.table import row
from tests.chaos.midway import Midway
from tests.server_process import ServerProcess

WORK: dict[str, Callable[[Midway, float], None]] = {
    "creation": Midway.create,
    "first initialisation": Midway.initialize_new,
    "initialisation": Midway.initialize,
    "reset": Midway.reset,
    "deletion": Midway.delete,
}

PARTS = (0.03, 0.5, 0.9)
"""How much is done when the server is killed."""


def killed(_rounds: int, n: int) -> None:
    """Each kind of work, killed early, in the middle and late; whatever is not as it must be raises."""
    for name, work in WORK.items():
        for part in PARTS:
            with tempfile.TemporaryDirectory(prefix="torc-bench-") as folder, ServerProcess(Path(folder)) as server:
                midway = Midway(server, n)
                work(midway, part)
                label = f"{n} jobs: {name}, killed at {part:.0%}"
                row(label, "all or nothing", "", f"settled {midway.settled_s:.1f} s after the kill")
