"""Lines as strips: roles become styles, neighbours of the same style one segment."""

from __future__ import annotations

from collections.abc import Mapping

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from torc_tui.rendering.cells import Line, width_of


def strip(line: Line, styles: Mapping[str, Style], width: int) -> Strip:
    """A line of `width` columns; blanks take the style before them, which saves bytes on the way to the terminal."""
    segments: list[Segment] = []
    text, style = "", styles[""]
    for part, role in line:
        its = styles[role]
        if its is style or (not part.strip() and not style.reverse):
            text += part
            continue
        if text:
            segments.append(Segment(text, style))
        text, style = part, its
    segments.append(Segment(text, style))
    has = width_of(line)
    return Strip(segments, has).adjust_cell_length(width, styles[""]) if has != width else Strip(segments, width)
