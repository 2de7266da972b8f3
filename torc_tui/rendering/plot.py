"""Curves over time as lines of text, drawn by plotext. Importing this module imports plotext: not at the start."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotext

from torc_tui.rendering import scales
from torc_tui.rendering.cells import Line
from torc_tui.rendering.glyphs import Characters

_CURVE, _LIMIT, _CURSOR = 1, 2, 3
_ROLES = {0: "dim", _CURVE: "running", _LIMIT: "failed", _CURSOR: "warning"}
"""What is drawn in the terminal's colours 1 to 3, and in none, by its role."""

_CODE = re.compile(r"\x1b\[([\d;]*)m")

TICK_EVERY = 16
"""Columns for a time on the axis."""

LIMIT_SHOWN = 10
"""The limit is drawn unless the curve would be flatter than one part in so many."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What is drawn: values over times (seconds since 1970)."""

    times: Sequence[float]
    values: Sequence[float]
    limit: float | None = None
    """What was asked for."""


Ticks = Callable[[float, int], list[tuple[float, str]]]
"""Round values from 0 to a highest one, so many at most, with their labels (`scales`)."""


def shows_limit(curve: Curve) -> bool:
    """Whether the limit is not so far above the curve that nothing of that could be seen beside it."""
    return curve.limit is not None and curve.limit <= max(curve.values, default=0) * LIMIT_SHOWN


def plot(
    curve: Curve, ticks: Ticks, width: int, height: int, characters: Characters, *, cursor: int | None = None
) -> list[Line]:
    """The curve in `height` lines of `width` columns; `cursor` is the position of the point that is read."""
    top = max(curve.values, default=0)
    if shows_limit(curve):
        top = max(top, curve.limit or 0)
    top = top * 1.06 or 1.0
    first, last = curve.times[0], max(curve.times[-1], curve.times[0] + 1)
    plotext.terminal.limit(False, False)
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, height)
    figure.axes(False, axis="x", side="upper")
    figure.axes(False, axis="y", side="right")
    marker = "*" if characters.ascii else "braille"
    figure.draw(figure.signal([*curve.times], [*curve.values], marker=plotext.marker(marker, _CURVE)).lines())
    if shows_limit(curve):
        figure.line(curve.limit, orientation=0, pixel=plotext.pixel(_LIMIT), style="dotted")
    if cursor is not None:
        figure.line(curve.times[cursor], orientation=1, pixel=plotext.pixel(_CURSOR), style="dotted")
    for axis, marks in (
        ("x", scales.times(first, last, max(2, width // TICK_EVERY))),
        ("y", ticks(top, max(2, height // 4))),
    ):
        figure.ruler(axis).ticks([at for at, _ in marks], [label for _, label in marks])
    figure.ruler("x").lim(first, last)
    figure.ruler("y").lim(0, top)
    return [_line(text) for text in figure.build().string().rstrip("\n").split("\n")]


def _line(text: str) -> Line:
    """A line with colour codes as a line with roles."""
    line: Line = []
    start, role = 0, "dim"
    for code in _CODE.finditer(text):
        if text[start : code.start()]:
            line.append((text[start : code.start()], role))
        start = code.end()
        if code[1] == "0" or code[1].startswith("38;5;"):
            role = _ROLES[int(code[1].rpartition(";")[2])]
    if text[start:]:
        line.append((text[start:], role))
    return line
