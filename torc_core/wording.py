"""How counts, sizes and exit codes are said to people."""

from __future__ import annotations

import signal


def count_of(count: int, things: str) -> str:
    """`1 job`, `3 jobs`."""
    return f"{count} {things.removesuffix('s') if count == 1 else things}"


def size_text(size: float) -> str:
    """Bytes in powers of 1024 with at most three digits: `8.1 GB`, `512 MB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if size >= 9.95 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} PB"


def exit_text(code: int) -> str:
    """`exit code 3`; `killed by SIGKILL (137)` for the codes by which shells tell of signals, and for -9."""
    code = code if code >= 0 else 128 - code
    try:
        return f"killed by {signal.Signals(code - 128).name} ({code})"
    except ValueError:
        return f"exit code {code}"


def with_note(cause: str | None, code: int, note: str) -> str:
    """How an attempt ended, and something to say of it: `exit code 3: after all 2 attempts of its failure handler`.

    What happened comes first: failures are told apart by what stands before the first colon.
    """
    happened = cause or (exit_text(code) if code else "")
    if not happened:
        return note
    return f"{happened}{'; ' if ':' in happened else ': '}{note}"
