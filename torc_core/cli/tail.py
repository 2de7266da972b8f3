"""Printing files that may still grow."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

LOOK_EVERY_S = 0.1
"""How often a followed file is looked at."""

CHUNK = 1 << 16


class Lines:
    """Makes whole lines of the chunks of a growing file."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that the chunk ends."""
        *whole, self._begun = (self._begun + chunk).split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def rest(self) -> list[str]:
        """The last line, where nothing ended it."""
        begun, self._begun = self._begun, b""
        return [begun.decode(errors="replace")] if begun else []


def last_lines(path: Path, count: int) -> tuple[bytes, int]:
    """The last lines of a file, and where it ended."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        start, newlines = end, 0
        while start > 0 and newlines <= count:
            start = max(start - CHUNK, 0)
            file.seek(start)
            newlines += file.read(min(CHUNK, end - start)).count(b"\n")
        file.seek(start)
        lines = file.read(end - start).splitlines(keepends=True)
        return b"".join(lines[-count:] if count else []), end


def follow_file(path: Path, position: int, show: Callable[[bytes], None]) -> None:
    """Show what comes to a file after `position`, until interrupted."""
    with path.open("rb") as file:
        file.seek(position)
        while True:
            for chunk in chunks(file):
                show(chunk)
            time.sleep(LOOK_EVERY_S)


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """What is left in an open file."""
    while chunk := file.read(CHUNK):
        yield chunk


def copy_rest(file: BinaryIO, before: Callable[[], None] = lambda: None) -> bool:
    """Print what is left in an open file; `before` is called when there is something. Whether there was."""
    found = False
    for chunk in chunks(file):
        if not found:
            before()
        found = True
        write(chunk)
    return found


def write(data: bytes) -> None:
    """Put bytes on stdout as they are."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
