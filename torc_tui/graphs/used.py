"""What is used over time, as a curve with a cursor that reads values: the memory or the CPU of something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from torc_core.models.console import UsedOverTime
from torc_tui.graphs.graph import Canvas, Drawing, Graph, said
from torc_tui.rendering import numbers, scales
from torc_tui.rendering.cells import Line

AXIS = 8
"""Columns that the labels of an axis take, about."""

NOT_MONITORED = [
    "Monitoring is switched off for this workflow, so nobody measures what its jobs use.",
    "To switch it on write this into the workflow's file, and create it anew:",
    "",
    "    resource_monitor:",
    "      enabled: true",
]


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that is drawn: its name, its values, and its form."""

    name: str
    values: Callable[[UsedOverTime], Sequence[float]]
    form: Callable[[float | None], str]
    ticks: Callable[[float, int], list[tuple[float, str]]]


MEMORY = Quantity("memory", lambda used: used.memory_bytes, numbers.size, scales.sizes)
CPU = Quantity("cpu", lambda used: used.cpu_percent, numbers.percent, scales.percents)


class UsedGraph(Graph):
    """See the module."""

    limit_word = "asked"
    """What the limit is."""

    @property
    def quantity(self) -> Quantity:
        """What is drawn."""
        return CPU if self.view == self.views[-1] else MEMORY

    @property
    def used(self) -> UsedOverTime | None:
        """What is known of it."""
        raise NotImplementedError

    @property
    def limit(self) -> float | None:
        """The most of the quantity that it should or can use."""
        raise NotImplementedError

    @property
    def has_ended(self) -> bool:
        """Whether the last value is not what is used now."""
        raise NotImplementedError

    def why_nothing(self) -> list[str]:
        """Why there is no curve, and what to do about it."""
        raise NotImplementedError

    def since_start(self, ms: int) -> str:  # noqa: ARG002
        """How long after the beginning of what is drawn a moment was."""
        return ""

    def move_cursor(self, columns: int) -> None:
        count = len(self.used.times_ms) if self.used else 0
        if count and self.screen:
            step = max(1, round(count / max(self.screen.view.size.width - AXIS, 1)))
            at = (count - 1 if self.cursor is None else self.cursor) + columns * step
            self.cursor = max(at, 0) if at < count - 1 else None

    def draw(self, canvas: Canvas) -> Drawing | None:
        self.ask()
        used = self.used
        if used is None:
            return None
        if not used.times_ms:
            return said(self.why_nothing() if used.is_monitored else NOT_MONITORED, canvas)
        from torc_tui.rendering.plot import Curve, plot, shows_limit

        curve = Curve([ms / 1000 for ms in used.times_ms], self.quantity.values(used), self.limit)
        cursor = None if self.cursor is None else min(self.cursor, len(used.times_ms) - 1)
        lines = plot(curve, self.quantity.ticks, canvas.width, canvas.height, canvas.characters, cursor=cursor)
        return Drawing(self._facts(max(curve.values), shows_limit(curve)), self._reading(used, canvas.width), lines)

    def _facts(self, peak: float, shows_limit: bool) -> Line:
        form, limit = self.quantity.form, self.limit
        line: Line = [("peak ", "dim"), (form(peak), "")]
        if limit is not None:
            role = "failed" if peak > limit else "dim"
            line += [(f"   {'┈┈ ' if shows_limit else ''}{self.limit_word} ", role)]
            line.append((form(limit), role if role == "failed" else ""))
            if not shows_limit:
                line.append(("  off the scale", "dim"))
        return line

    def _reading(self, used: UsedOverTime, width: int) -> Line:
        """The values at the cursor, or the newest, and when that was."""
        at = len(used.times_ms) - 1 if self.cursor is None else min(self.cursor, len(used.times_ms) - 1)
        word = "at" if self.cursor is not None else "last" if self.has_ended else "now"
        line: Line = [
            (f"{word} ", "dim"),
            (numbers.clock(used.times_ms[at], datetime.now()), "warning" if self.cursor is not None else ""),
        ]
        since = self.since_start(used.times_ms[at])
        if since and width >= 76:
            line.append((f"  {since} after the start", "dim"))
        return [*line, ("  ", ""), (self.quantity.form(self.quantity.values(used)[at]), "strong")]
