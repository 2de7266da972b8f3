"""Searching a whole file a step at a time: from a place to the end, then from the beginning to that place."""

from __future__ import annotations

import os
import re
import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from collections import deque

from torc_core.errors import InputError
from torc_tui.logs.file import BLOCK

PIECE = 1 << 18
"""Bytes that are looked through at once."""

OVERLAP = 1 << 10
"""In a line longer than a piece: so much of the piece before is looked through again."""

MOST_HITS = 1_000_000
"""Of so many hits the places are kept (8 bytes each); all are counted."""


class Pattern:
    """What is looked for: a text, or after a slash a regular expression. Without capitals, capitals do not matter."""

    def __init__(self, text: str) -> None:
        """InputError for a regular expression that cannot be read."""
        self.text = text
        regular = text.startswith("/")
        body = text[1:] if regular else text
        self.any_case = body == body.lower()
        flags = re.MULTILINE | (re.IGNORECASE if self.any_case else 0)
        try:
            self.shown = re.compile(body if regular else re.escape(body), flags)
            self._bytes = re.compile(body.encode(), flags) if regular else None
        except re.error as error:
            raise InputError(f"search: {body!r} is no regular expression: {error}") from None
        if regular and self.shown.match(""):
            raise InputError(f"search: {body!r} matches everything")
        self._plain = body.encode()

    def find(self, data: bytes, at: int) -> int:
        """Where the next match in prepared bytes is, -1 for none."""
        if self._bytes is None:
            return data.find(self._plain, at)
        match = self._bytes.search(data, at)
        return match.start() if match else -1

    def prepared(self, data: bytes) -> bytes:
        """The bytes as `find` wants them."""
        return data.lower() if self.any_case and self._bytes is None else data


class Search:
    """A search under way. Every line with a match is one hit; hits are the offsets of the first match.

    `step` may be called in a thread, one call at a time; the rest may be asked for meanwhile.
    """

    def __init__(self, pattern: Pattern, start: int) -> None:
        """`start`: where a row begins; what is there is found first."""
        self.pattern = pattern
        self.count = 0
        self.complete = False
        self._after = array("Q")
        self._before = array("Q")
        self._parts: deque[tuple[array[int], int, int | None]] = deque([(self._after, start, None)])
        """What is left: hits go to, from, up to (None: the end of the file)."""
        if start:
            self._parts.append((self._before, 0, start))
        self._lacks_before = bool(start)
        self._skip = start
        """Matches before this offset belong to a hit that is known."""
        self._seen = 0
        """Where to go on when the file has grown: the beginning of its last line, unless that is a hit already."""
        self._line = 0
        """The beginning of the last line that was come across."""
        self._stepping = threading.Lock()
        """A step that nobody waits for any more may still be under way when the next one begins."""

    def step(self, descriptor: int, size: int, budget_s: float = 0.04) -> None:
        """Search on for about so long; `size` is how large the file is by now."""
        with self._stepping:
            self._step(descriptor, size, time.monotonic() + budget_s)

    def _step(self, descriptor: int, size: int, stop: float) -> None:
        while self._parts and time.monotonic() < stop:
            hits, at, to = self._parts.popleft()
            end = size if to is None else to
            data = os.pread(descriptor, min(PIECE, end - at), at) if at < end else b""
            if data:
                self._parts.appendleft((hits, self._piece(hits, at, data, at + len(data) >= end), to))
            else:
                if to is None:
                    self._seen = max(self._line, self._skip, at - BLOCK)
                else:
                    self._lacks_before = False
                self._skip = 0
        self.complete = not self._parts

    def _piece(self, hits: array[int], at: int, data: bytes, last: bool) -> int:
        """Look through what was read at an offset; gives where to read next."""
        cut = len(data) if last else data.rfind(b"\n") + 1
        if cut:
            self._look_through(hits, at, data[:cut], last)
            return at + cut
        self._look_through(hits, at, data, last)
        return at + len(data) - OVERLAP

    def _look_through(self, hits: array[int], offset: int, data: bytes, last: bool) -> None:
        self._line = max(self._line, offset + data.rfind(b"\n") + 1)
        haystack = self.pattern.prepared(data)
        at = self.pattern.find(haystack, max(0, self._skip - offset))
        while at >= 0:
            self.count += 1
            if self.stored < MOST_HITS:
                hits.append(offset + at)
            line_end = data.find(b"\n", at, at + BLOCK)
            resume = line_end + 1 if line_end >= 0 else at + BLOCK
            if last:
                resume = min(resume, len(data))
            self._skip = offset + resume
            at = self.pattern.find(haystack, resume) if resume < len(data) else -1

    @property
    def stored(self) -> int:
        """Hits whose places are kept."""
        return len(self._before) + len(self._after)

    def grown(self) -> None:
        """The file is larger than it was: what is new is looked through too."""
        if self.complete:
            self._parts.append((self._after, self._seen, None))
            self._skip, self.complete = self._seen, False

    def following(self, offset: int) -> int | None:
        """The first hit at or after `offset`; None when none is known (yet)."""
        for hits in (self._before, self._after):
            at = bisect_left(hits, offset)
            if at < len(hits):
                return hits[at]
        return None

    def preceding(self, offset: int) -> int | None:
        """The last hit before `offset`; None when none is known (yet)."""
        for hits in (self._after, self._before):
            at = bisect_left(hits, offset)
            if at:
                return hits[at - 1]
        return None

    def ordinal(self, hit: int) -> int | None:
        """Which of all hits it is, from 1; None while hits before it may be missing."""
        if self._lacks_before:
            return None
        return bisect_right(self._before, hit) + bisect_right(self._after, hit)
