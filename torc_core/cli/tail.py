"""Printing files that may still grow."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

LOOK_EVERY_S = 0.1
"""How often a followed file is looked at."""

CHUNK = 1 << 16


def last_lines(path: Path, count: int) -> int:
    """Print the last lines of a file; returns where it ended."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        start, newlines = end, 0
        while start > 0 and newlines <= count:
            start = max(start - CHUNK, 0)
            file.seek(start)
            newlines += file.read(min(CHUNK, end - start)).count(b"\n")
        file.seek(start)
        lines = file.read(end - start).splitlines(keepends=True)
        _write(b"".join(lines[-count:] if count else []))
    return end


def follow_file(path: Path, position: int) -> None:
    """Print what comes to a file after `position`, until interrupted."""
    with path.open("rb") as file:
        file.seek(position)
        while True:
            copy_rest(file)
            time.sleep(LOOK_EVERY_S)


def copy_rest(file: BinaryIO, before: Callable[[], None] = lambda: None) -> bool:
    """Print what is left in an open file; `before` is called when there is something. Whether there was."""
    found = False
    while chunk := file.read(CHUNK):
        if not found:
            before()
        found = True
        _write(chunk)
    return found


def _write(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
