"""Where the rows of a paged table come from, and in which order and how filtered they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from torc_core.client.console import Part
from torc_core.client.stream import Change
from torc_core.models.console import Row, TablePage
from torc_tui.rendering.columns import Column


@dataclass(frozen=True, slots=True)
class View:
    """Order and filter."""

    sort: str
    filter: str = ""


class Source(Protocol):
    """Where the rows come from."""

    columns: Sequence[Column]
    sort: str
    """The order at the beginning."""
    noun: str
    """What a row is called."""

    async def page(self, part: Part) -> TablePage:
        """A part of the table. Raises TorcError."""

    takes_filter: bool
    """What is done to its rows can be done to all that a filter leaves in, without naming them."""

    def concerns(self, change: Change) -> bool:
        """Whether rows may be others after a change."""

    def in_place(self, change: Change, view: View) -> bool:  # noqa: ARG002 -- sources that can tell override it
        """Whether a change names the rows that it touches, and none comes, goes or moves in this order and filter."""
        return False

    def title(self, row: Row) -> str:
        """What a row is called in a sentence."""

    def count(self, ids: Collection[int]) -> int:
        """How many of what `noun` says the rows of these ids are."""
        return len(ids)
