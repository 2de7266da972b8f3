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


def tail_start(file: BinaryIO, count: int) -> int:
    """Where the last `count` lines of an open file begin; whatever its size, little more than these is read."""
    position = end = file.seek(0, 2)
    if not count:
        return end
    while position > 0:
        start = max(position - CHUNK, 0)
        file.seek(start)
        block = file.read(position - start)
        at = len(block) - (position == end)  # a newline at the very end begins no line
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            count -= 1
            if not count:
                return start + at + 1
        position = start
    return 0


def last_lines(path: Path, count: int) -> tuple[bytes, int]:
    """The last lines of a file, and where it ended."""
    with path.open("rb") as file:
        start = file.seek(tail_start(file, count))
        lines = file.read()
        return lines, start + len(lines)


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
