"""Labels of the statuses of jobs, as the console groups them."""

from __future__ import annotations

WAITING = ("uninitialized", "blocked", "ready")

ACTIVE = ("pending", "running")
"""With a runner."""

FAILED = ("failed", "terminated", "pending_failed")
"""What a retry runs again."""

ENDED_BADLY = (*FAILED, "canceled")

ENDED = ("completed", *ENDED_BADLY)
