"""A curve in one line of text."""

from __future__ import annotations

from collections.abc import Sequence

LEVELS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """A bar for each value, the highest full; nothing for less than two values."""
    if len(values) < 2:
        return ""
    top = max(values)
    if top <= 0:
        return LEVELS[0] * len(values)
    return "".join(LEVELS[min(int(value / top * len(LEVELS)), len(LEVELS) - 1)] for value in values)
