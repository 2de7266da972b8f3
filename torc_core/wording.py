"""How counts, sizes, names and exit codes are said to people."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

GROUPS = 6
"""So many groups of names are said."""

STOPPED = "the runner got "
"""So begins the cause of jobs whose runner was told to stop; the name of the signal follows."""


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


def names_text(names: Iterable[str]) -> str:
    """Names in groups: `prep, work_01 … work_99 (99)`; of many groups the first ones."""
    shown = list(islice(grouped(names), GROUPS + 1))
    return ", ".join([*shown[:GROUPS], "…"] if len(shown) > GROUPS else shown)


def grouped(names: Iterable[str]) -> Iterator[str]:
    """Names, those that only differ in the number at their end as `work_01 … work_99 (99)`."""
    groups: dict[str, list[Any]] = {}
    for name in names:
        group = groups.setdefault(name.rstrip("0123456789"), [name, name, 0])
        group[1] = name
        group[2] += 1
    for first, last, count in groups.values():
        yield first if count == 1 else f"{first}, {last}" if count == 2 else f"{first} … {last} ({count:,})"


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
