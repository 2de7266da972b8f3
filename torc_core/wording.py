"""How counts and exit codes are said to people."""

from __future__ import annotations

import signal


def count_of(count: int, things: str) -> str:
    """`1 job`, `3 jobs`."""
    return f"{count} {things.removesuffix('s') if count == 1 else things}"


def exit_text(code: int) -> str:
    """`exit code 3`; `killed by SIGKILL (137)` for the codes by which shells tell of signals, and for -9."""
    code = code if code >= 0 else 128 - code
    try:
        return f"killed by {signal.Signals(code - 128).name} ({code})"
    except ValueError:
        return f"exit code {code}"
