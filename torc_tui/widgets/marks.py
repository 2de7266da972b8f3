"""What is marked in a table: rows by their ids, or all that a filter leaves in, whether they are at hand or not."""

from __future__ import annotations

from dataclasses import dataclass, field

from torc_core.client.console import Part
from torc_core.models.console import Row
from torc_tui.widgets.table_source import Source

LIMIT = 10_000
"""So many rows can be marked by their ids."""


@dataclass(slots=True)
class Whole:
    """All that a filter left in when it was marked, but for some rows."""

    filter: str
    total: int
    but: set[int] = field(default_factory=set)

    @property
    def count(self) -> int:
        return self.total - len(self.but)

    @property
    def terms(self) -> str:
        """As a filter that also leaves out those rows."""
        return " ".join([self.filter, *(f"id!={number}" for number in sorted(self.but))]).strip()

    def toggle(self, number: int) -> None:
        """Leave a row out, or take it in again."""
        self.but ^= {number}


class Marks:
    """See the module."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.ids: dict[int, str] = {}
        """Marked rows: id -> what it is called."""
        self.whole: Whole | None = None
        """Instead of rows all that a filter leaves in."""

    @property
    def count(self) -> int:
        """How much is marked, in what the source counts."""
        return self.whole.count if self.whole else self._source.count(self.ids)

    def has(self, row: Row, filter: str) -> bool:
        """Whether a row that this filter leaves in is marked."""
        if self.whole:
            return self.whole.filter == filter and row["id"] not in self.whole.but
        return row["id"] in self.ids

    def toggle(self, row: Row, filter: str) -> None:
        """Mark a row that this filter leaves in, or take its mark."""
        if self.whole and self.whole.filter == filter:
            self.whole.toggle(row["id"])
        elif self.ids.pop(row["id"], None) is None:
            self.whole = None
            self.ids[row["id"]] = self._source.title(row)

    async def take_all(self, filter: str, total: int) -> int:
        """Mark all that a filter leaves in; gives how many rows are over the limit.

        Where actions take a filter none of the rows is asked for.
        """
        if self._source.takes_filter:
            self.ids.clear()
            self.whole = Whole(filter, total)
            return 0
        page = await self._source.page(Part(limit=LIMIT, sort="id", filter=filter))
        self.ids = {row["id"]: self._source.title(row) for row in page.items}
        return page.total - len(page.items)

    def clear(self) -> None:
        """Nothing is marked any more."""
        self.ids.clear()
        self.whole = None
