"""Labels of the statuses of jobs, as the console groups them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

WAITING = ("uninitialized", "blocked", "ready")

ACTIVE = ("pending", "running")
"""With a runner."""

FAILED = ("failed", "terminated", "pending_failed")
"""What a retry runs again."""

ENDED_BADLY = (*FAILED, "canceled")

ENDED = ("completed", *ENDED_BADLY)


def count(counts: Mapping[str, int], labels: Iterable[str]) -> int:
    """How many jobs have one of these statuses, `counts` being label -> jobs."""
    return sum(counts.get(label, 0) for label in labels)
