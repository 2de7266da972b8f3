"""A user data document: its JSON value, laid out, live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from textual.widget import Widget

from torc_core.client import console
from torc_tui.actions import Place
from torc_tui.context import Thing
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line, wrapped
from torc_tui.screens.console_screen import ConsoleScreen, Kept
from torc_tui.store import Store, Watch
from torc_tui.widgets.lines_view import LinesView
from torc_tui.widgets.text_line import TextLine

MOST_LINES = 20_000
"""So many lines of a value are shown; all of it can be copied."""

ON_ONE_LINE = 72
"""Lists and objects of up to so many characters are on one line."""

NOT_WRITTEN = [
    "It has no value yet.",
    "A job that names it as output writes it, through the API; or give it a value in the workflow's file.",
]


class DataScreen(ConsoleScreen):
    """See the module."""

    def __init__(self, store: Store, data_id: int, name: str, workflow: Thing) -> None:
        super().__init__()
        self.store = store
        self.data_id = data_id
        self._called = name
        self._workflow = workflow
        self.line = TextLine()
        self.view = LinesView(id="inspector", focusable=True)
        self._watch: Watch[dict[str, Any]] | None = None
        self._laid_out = True
        """Whether what has arrived is on screen."""

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.DATA})

    @property
    def data(self) -> dict[str, Any] | None:
        """The document, once it is there."""
        return self._watch.value if self._watch else None

    @property
    def kept(self) -> list[Kept]:
        return [self._watch] if self._watch else []

    @property
    def main(self) -> Widget:
        return self.view

    @property
    def address(self) -> str:
        return f"data {self._workflow.id}"

    def things(self, kind: str) -> list[Thing]:
        return [self._workflow] if kind == "workflow" else []

    def copyable(self) -> dict[str, str]:
        data = self.data
        if data is None:
            return {}
        return {"name": self._called, "id": str(self.data_id), "value": json.dumps(data.get("data"))}

    def body(self) -> Iterator[Widget]:
        yield self.line
        yield self.view

    def on_mount(self) -> None:
        self._watch = Watch(
            self.store,
            console.user_data(self.data_id),
            lambda change: change.event == "user_data" and change.data.get("id") == self.data_id,
            self._told,
        )
        self.view.focus()

    def _told(self, watch: Watch[dict[str, Any]]) -> None:
        self._laid_out = False
        self.call_later(self._show, watch)

    def _show(self, watch: Watch[dict[str, Any]]) -> None:
        if watch.error:
            self.app.say(str(watch.error), error=True)
            self._laid_out = True
        self.run_worker(self.draw(), exclusive=True)

    async def draw(self) -> None:
        """Lay the value out, away from the keys: it may be large."""
        data = self.data
        if data is None:
            return
        value = data.get("data")
        kept = "ephemeral: cleared when the workflow starts anew" if data.get("is_ephemeral") else "kept between runs"
        if value is None:
            first: Line = [("  ", ""), (NOT_WRITTEN[0], "text")]
            self.line.show([(" user data  ", "dim"), (kept, "dim")])
            self.view.show([first, [("  ", ""), (NOT_WRITTEN[1], "dim")]])
        else:
            lines, size = await asyncio.to_thread(_laid_out, value, max(self.view.size.width - 4, 20))
            self.line.show([(" user data  ", "dim"), (numbers.size(size), ""), (f"   {kept}", "dim")])
            self.view.show(lines)
        self._laid_out = True
        self.refresh_lines()

    def on_lines_view_resized(self) -> None:
        self.run_worker(self.draw(), exclusive=True)

    def title_lines(self) -> tuple[Line, Line]:
        place: Line = [
            (f"{self._workflow.name} › ", "dim"),
            (self._called, "strong"),
            (f" ({self.data_id})", "dim"),
        ]
        return place, []

    @property
    def idle(self) -> bool:
        return super().idle and self._laid_out


def _laid_out(value: Any, width: int) -> tuple[list[Line], int]:
    """A JSON value as lines of at most `width` columns, and its size in bytes as it is stored."""
    size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
    lines: list[Line] = []
    for depth, text in islice(_parts(value, "", "", 0, width), MOST_LINES):
        for index, part in enumerate(wrapped(text, max(width - 2 * depth - 2, 20))):
            lines.append([(" " * (2 * depth + 2 + 2 * (index > 0)), ""), *_coloured(part)])
    if len(lines) >= MOST_LINES:
        lines.append([(f"  … only the first {MOST_LINES:,} lines are shown", "warning")])
    return lines, size


def _parts(value: Any, before: str, after: str, depth: int, width: int) -> Iterator[tuple[int, str]]:
    """Lines of a value, each with its depth. What is short is one line, but for the outermost object."""
    room = min(width, ON_ONE_LINE) - 2 * depth - len(before)
    branches = isinstance(value, dict | list) and len(value) > 0
    if branches and ((depth == 0 and isinstance(value, dict)) or _room_left(value, room) < 0):
        first, last = "{}" if isinstance(value, dict) else "[]"
        yield depth, before + first
        items = value.items() if isinstance(value, dict) else ((None, each) for each in value)
        for index, (key, each) in enumerate(items, 1):
            name = "" if key is None else f"{json.dumps(key, ensure_ascii=False)}: "
            yield from _parts(each, name, "," if index < len(value) else "", depth + 1, width)
        yield depth, last + after
    else:
        yield depth, f"{before}{json.dumps(value, ensure_ascii=False)}{after}"


def _room_left(value: Any, room: int) -> int:
    """What is left of `room` characters beside a value; less than 0 when it is longer."""
    if not isinstance(value, dict | list):
        return room - len(json.dumps(value, ensure_ascii=False))
    room -= 2 * max(len(value), 1)
    for key, each in value.items() if isinstance(value, dict) else ((None, each) for each in value):
        if room < 0:
            break
        room = _room_left(each, room - (0 if key is None else len(key) + 4))
    return room


def _coloured(text: str) -> Line:
    """A line of JSON with its key, if it has one, told from its value."""
    key, colon, rest = text.partition('": ')
    if colon and key.startswith('"'):
        return [(f'{key}"', "accent"), (": ", "dim"), (rest, "")]
    return [(text, "")]
