"""Which line a place in a file is: line ends before each block, counted a piece at a time."""

from __future__ import annotations

import os
import threading
import time
from array import array
from bisect import bisect_right

PIECE = 1 << 20
"""Bytes that are read at once."""


class LineIndex:
    """Line ends before each block, 8 bytes for a block. `step` may be called in a thread, one call at a time."""

    def __init__(self, block: int) -> None:
        self._block = block
        self._before = array("Q", [0])
        """Line ends before each block; the last entry is for the block that is not counted yet."""
        self._tail = (0, 0)
        """(bytes of that last block that are counted, line ends in them)."""
        self._ends_with_line_end = True
        self._stepping = threading.Lock()
        """A step that nobody waits for any more may still be under way when the next one begins."""

    @property
    def known(self) -> int:
        """So many bytes are counted."""
        return (len(self._before) - 1) * self._block + self._tail[0]

    def complete(self, size: int) -> bool:
        """Whether the whole of a file of this size is counted."""
        return self.known >= size

    def step(self, descriptor: int, size: int, budget_s: float = 0.05) -> None:
        """Count on for about so long."""
        with self._stepping:
            self._step(descriptor, size, time.monotonic() + budget_s)

    def _step(self, descriptor: int, size: int, stop: float) -> None:
        while self.known < size and time.monotonic() < stop:
            first = (len(self._before) - 1) * self._block
            data = os.pread(descriptor, min(PIECE, size - first), first)
            if not data:
                return  # it is shorter than it was: whoever looks at it finds out
            self._count(data)

    def _count(self, data: bytes) -> None:
        whole = len(data) // self._block * self._block
        for at in range(0, whole, self._block):
            self._before.append(self._before[-1] + data.count(b"\n", at, at + self._block))
        self._tail = (len(data) - whole, data.count(b"\n", whole))
        self._ends_with_line_end = data.endswith(b"\n")

    def before(self, block: int) -> int | None:
        """Line ends before a block; None while that is not known."""
        return self._before[block] if block < len(self._before) else None

    def block_of(self, line_end: int) -> int | None:
        """The block with this line end, counted from 0; None when it is not counted."""
        if line_end < self._before[-1]:
            return bisect_right(self._before, line_end) - 1
        return len(self._before) - 1 if line_end < self._before[-1] + self._tail[1] else None

    def lines(self, size: int) -> tuple[int, bool]:
        """How many lines a file of this size has, and whether that is exact or an estimate."""
        known, ends = self.known, self._before[-1] + self._tail[1]
        if known >= size:
            return ends + (0 if self._ends_with_line_end else 1), True
        return (round(ends * size / known), False) if known else (0, False)
