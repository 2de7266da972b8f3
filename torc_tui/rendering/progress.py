"""Progress of a workflow in characters: completed, running, rest, and the failed part in red at its place."""

from __future__ import annotations

from collections.abc import Mapping

from torc_tui.rendering.cells import Line
from torc_tui.statuses import ACTIVE, ENDED_BADLY, FAILED, count


def parts(counts: Mapping[str, int]) -> tuple[int, int, int, int]:
    """(completed, ended otherwise, running, all)."""
    return counts.get("completed", 0), count(counts, ENDED_BADLY), count(counts, ACTIVE), sum(counts.values())


def percent_done(counts: Mapping[str, int]) -> int:
    """How much is done, 100 only when all is: completed, or disabled, which is not to be done."""
    done, _, _, total = parts(counts)
    return (done + counts.get("disabled", 0)) * 100 // total if total else 0


def bar(counts: Mapping[str, int], width: int) -> Line:
    """A bar of `width` characters. What exists is at least one character wide, and only all of it fills the bar."""
    done, bad, active, total = parts(counts)
    if not total:
        return [("░" * width, "faint")]
    sizes = _shares((done, bad, active, total - done - bad - active), width)
    spans = (("█", "completed"), ("█", "failed"), ("▓", "running"), ("░", "faint"))
    if not count(counts, FAILED):
        spans = (spans[0], ("█", "canceled"), *spans[2:])
    return [(char * size, role) for (char, role), size in zip(spans, sizes, strict=True) if size]


def _shares(numbers: tuple[int, ...], width: int) -> list[int]:
    """Whole parts of `width` in proportion, none of a number above zero being empty while there is room."""
    total = sum(numbers)
    sizes = [max(1, number * width // total) if number else 0 for number in numbers]
    while sum(sizes) > width:
        sizes[sizes.index(max(sizes))] -= 1
    while sum(sizes) < width:
        short = [number / total * width - size for number, size in zip(numbers, sizes, strict=True)]
        sizes[short.index(max(short))] += 1
    return sizes
