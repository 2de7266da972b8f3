"""Lines as strips: roles become styles, neighbours of the same style one segment."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from torc_tui.rendering.cells import Line, width_of


def strip(line: Line, styles: Mapping[str, Style], width: int) -> Strip:
    """A line of `width` columns; blanks take the style of what is beside them, which saves bytes."""
    segments: list[Segment] = []
    text, style = "", styles[""]
    for part, role in line:
        its = styles[role]
        if its is style or (not part.strip() and not style.reverse):
            text += part
            continue
        if text.strip() or (text and its.reverse):
            segments.append(Segment(text, style))
            text = ""
        text, style = text + part, its
    has = width_of(line)
    if has < width and not style.reverse:
        text, has = text + " " * (width - has), width
    segments.append(Segment(text, style))
    return Strip(segments, has) if has == width else Strip(segments, has).adjust_cell_length(width, styles[""])


def changed_span(old: Line, new: Line) -> tuple[int, int] | None:
    """The first column that differs and the one after the last that does; None when the lines look the same."""
    if old == new:
        return None
    before, after = _characters(old), _characters(new)
    longest = max(len(before), len(after))
    before += [(" ", "")] * (longest - len(before))
    after += [(" ", "")] * (longest - len(after))
    different = [column for column, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    if not different:
        return None
    if not all(text.isascii() or len(text) == cell_len(text) for text, _ in (*old, *new)):
        return 0, longest * 2
    return different[0], different[-1] + 1


def _characters(line: Line) -> list[tuple[str, str]]:
    return [(character, role if character != " " else "") for text, role in line for character in text]
