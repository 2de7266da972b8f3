"""The rows of a large table that are at hand: found by position or by id, the least recently used pages forgotten."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from torc_core.models.console import Row

PAGE = 100
"""Rows that are asked for at once."""

PAGES = 16
"""So many pages are kept."""


class PageCache:
    """Position -> row, in pages of `PAGE` that may have holes; rows that may be out of date stay until others come."""

    def __init__(self) -> None:
        self._pages: OrderedDict[int, dict[int, Row]] = OrderedDict()
        self._old: set[int] = set()
        """Positions of rows that may be out of date."""
        self.total = 0
        """Rows that match the filter."""
        self.everything = 0
        """Rows without a filter."""

    def row(self, position: int) -> Row | None:
        """The row at a position, if it is at hand."""
        page = self._pages.get(position // PAGE)
        return page.get(position) if page else None

    def put(self, offset: int, rows: list[Row]) -> None:
        """Keep these rows from `offset` on."""
        for position, row in enumerate(rows, offset):
            self._pages.setdefault(position // PAGE, {})[position] = row
            self._old.discard(position)
        for number in range(offset // PAGE, (offset + max(len(rows), 1) - 1) // PAGE + 1):
            if number in self._pages:
                self._pages.move_to_end(number)
        while len(self._pages) > PAGES:
            self._pages.popitem(last=False)

    def age(self) -> None:
        """Something has changed: all that is at hand may be out of date."""
        self._old = {position for position, _ in self}

    def forget(self) -> None:
        """Nothing is at hand any more; totals stay."""
        self._pages.clear()

    def missing(self, first: int, last: int) -> int | None:
        """The first position of [first, last) whose row is not at hand, or out of date."""
        return next((p for p in range(max(first, 0), min(last, self.total)) if not self.has(p)), None)

    def has(self, position: int) -> bool:
        """Whether the row at a position is at hand, as it is now."""
        return position not in self._old and self.row(position) is not None

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        for page in list(self._pages.values()):
            yield from list(page.items())

    def __len__(self) -> int:
        return sum(len(page) for page in self._pages.values())
