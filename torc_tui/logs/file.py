"""A log file as rows, whatever its size: blocks are read when they are needed, and few are kept.

A row is a line, or a piece of one that is too long: where a whole block has no line end, a row begins at the block. So
where rows begin can be told from two neighbouring blocks, forwards as well as backwards, and a row is never longer than
two blocks. What reads the disk (`look`, `read`) may be called in a thread; all else is quick, and raises `NotLoaded`
when blocks have to be read and `put` first.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from torc_core.errors import TorcError
from torc_tui.logs.index import LineIndex

T = TypeVar("T")

BLOCK = 1 << 16
"""Bytes of a block."""

KEPT = 48
"""So many blocks are kept."""


class LogError(TorcError):
    """A log cannot be read."""


class NotLoaded(Exception):
    """These blocks are needed first."""

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__(numbers)
        self.numbers = numbers


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of the file, and the offsets in the file at which rows begin in it."""

    number: int
    data: bytes
    starts: list[int]


@dataclass(frozen=True, slots=True)
class Row:
    """A row: where it begins and ends in the file, and its bytes with the line end, if it has one."""

    start: int
    end: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at the path found: None for a file that is not there."""

    size: int
    identity: tuple[int, int] | None


def _row_starts(number: int, data: bytes, after_line_end: bool) -> list[int]:
    first = number * BLOCK
    starts = [first] if data and after_line_end else []
    at = data.find(b"\n")
    if at < 0:
        return [first] if len(data) == BLOCK else starts
    last = len(data) - 1
    while 0 <= at < last:
        starts.append(first + at + 1)
        at = data.find(b"\n", at + 1)
    return starts


class LogFile:
    """See the module. `size` is what is known of the file: it grows by `take`."""

    def __init__(self, path: Path) -> None:
        """Open it. LogError when it cannot be read."""
        self.path = path
        self._fd = -1
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise LogError(f"{path}: {error.strerror}") from None
        told = os.fstat(self._fd)
        if not stat.S_ISREG(told.st_mode):
            self.close()
            raise LogError(f"{path} is no file")
        self._identity = (told.st_dev, told.st_ino)
        self.size = told.st_size
        self.index = LineIndex(BLOCK)
        self._blocks: dict[int, Block] = {}

    @property
    def descriptor(self) -> int:
        """For those that read the file on their own (index, search)."""
        return self._fd

    def close(self) -> None:
        """Nothing is read any more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()

    def look(self) -> Seen:
        """How the file at the path is now."""
        try:
            told = os.stat(self.path)
        except OSError:
            return Seen(self.size, None)
        return Seen(told.st_size, (told.st_dev, told.st_ino))

    def replaced(self, seen: Seen) -> bool:
        """Whether the file began anew: it is another one, or shorter than it was."""
        return seen.identity is not None and (seen.identity != self._identity or seen.size < self.size)

    def take(self, seen: Seen) -> bool:
        """Take note of growth; whether there was any."""
        if seen.identity is None or seen.size <= self.size:
            return False
        for number in [n for n, block in self._blocks.items() if len(block.data) < BLOCK]:
            del self._blocks[number]
        self.size = seen.size
        return True

    def read(self, numbers: Iterable[int]) -> list[Block]:
        """Read blocks. LogError when the disk fails."""
        found = []
        for number in numbers:
            first = number * BLOCK
            size = min(BLOCK, self.size - first)
            try:
                data = os.pread(self._fd, size + 1, first - 1) if first else os.pread(self._fd, size, 0)
            except OSError as error:
                raise LogError(f"{self.path}: {error.strerror}") from None
            after_line_end = first == 0 or data[:1] == b"\n"
            data = data if first == 0 else data[1:]
            if len(data) < size:
                raise LogError(f"{self.path} is shorter than it was")
            found.append(Block(number, data, _row_starts(number, data, after_line_end)))
        return found

    def put(self, blocks: Iterable[Block]) -> None:
        """Keep blocks that were read; those that were not used for long are forgotten."""
        for block in blocks:
            if len(block.data) == min(BLOCK, self.size - block.number * BLOCK):
                self._blocks.pop(block.number, None)
                self._blocks[block.number] = block
        while len(self._blocks) > KEPT:
            del self._blocks[next(iter(self._blocks))]

    def loaded(self, work: Callable[[], T]) -> T:
        """What `work` gives, with everything read that it needs; it blocks."""
        while True:
            try:
                return work()
            except NotLoaded as missing:
                self.put(self.read(missing.numbers))

    def _block(self, number: int) -> Block:
        block = self._blocks.pop(number, None)
        if block is None:
            raise NotLoaded([number])
        self._blocks[number] = block
        return block

    def previous_start(self, offset: int) -> int | None:
        """Where the row before `offset` begins: the last beginning that is less; None at the beginning of the file."""
        for number in range((min(offset, self.size) - 1) // BLOCK, -1, -1):
            starts = self._block(number).starts
            at = bisect_left(starts, offset)
            if at:
                return starts[at - 1]
        return None

    def next_start(self, offset: int) -> int | None:
        """Where the next row begins, after `offset`; None in the last row."""
        for number in range(offset // BLOCK, (self.size + BLOCK - 1) // BLOCK):
            starts = self._block(number).starts
            at = bisect_right(starts, offset)
            if at < len(starts):
                return starts[at]
        return None

    def start_at(self, offset: int) -> int:
        """Where the row begins that `offset` is in."""
        return self.previous_start(min(offset, max(0, self.size - 1)) + 1) or 0

    def row(self, start: int, limit: int = 2 * BLOCK) -> Row:
        """The row that begins at `start`, or its first `limit` bytes."""
        after = self.next_start(start)
        end = self.size if after is None else after
        stop = min(end, start + limit)
        data = b""
        for number in range(start // BLOCK, (stop + BLOCK - 1) // BLOCK):
            first = number * BLOCK
            data += self._block(number).data[max(0, start - first) : stop - first]
        return Row(start, end, data)

    def line_number(self, start: int) -> int | None:
        """The number, from 1, of the line that a row belongs to; None while the index has not come there."""
        number = start // BLOCK
        before = self.index.before(number)
        if before is None:
            return None
        return before + self._block(number).data.count(b"\n", 0, start - number * BLOCK) + 1

    def start_of_line(self, line: int) -> int | None:
        """Where a line begins, counted from 1; the last one for a number beyond; None while that is not known."""
        if line <= 1:
            return 0
        number = self.index.block_of(line - 2)
        if number is None:
            if not self.index.complete(self.size):
                return None
            return self.start_at(self.size - 1)
        data, at = self._block(number).data, -1
        for _ in range(line - 1 - (self.index.before(number) or 0)):
            at = data.find(b"\n", at + 1)
        start = number * BLOCK + at + 1
        return start if start < self.size else self.start_at(self.size - 1)
