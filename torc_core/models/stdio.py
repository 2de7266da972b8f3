"""What is kept of what a job writes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Stdio(Struct, omit_defaults=True, frozen=True):
    """What is kept of a job's output: two files, one for both, one of them, or none (torc-1.0.md 2)."""

    mode: Literal["separate", "combined", "no_stdout", "no_stderr", "none"] = "separate"
    delete_on_success: bool = False
    """Whether the files are deleted when the job completes."""
