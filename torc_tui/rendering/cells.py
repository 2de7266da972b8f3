"""Text with roles: what is shown, before it has colours. A role is a name that the palette turns into a style."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size

Span = tuple[str, str]
"""A text and its role."""

SHORTEST_END = 12
"""No end of a path is shorter: the line is cut then."""

Line = list[Span]
"""A line of the screen; also the content of a cell."""


def width_of(line: Iterable[Span]) -> int:
    """How many columns of the screen it takes."""
    return sum(len(text) if text.isascii() else cell_len(text) for text, _ in line)


def plain(line: Iterable[Span]) -> str:
    """The text alone."""
    return "".join(text for text, _ in line)


def fitted(line: Line, width: int, *, right: bool = False, ellipsis: str = "…") -> Line:
    """The line cut or padded to exactly `width` columns; what is cut off leaves an ellipsis."""
    missing = width - width_of(line)
    if missing == 0:
        return line
    if missing > 0:
        pad = (" " * missing, "")
        return [pad, *line] if right else [*line, pad]
    kept: Line = []
    left = width - len(ellipsis)
    for text, role in line:
        size = len(text) if text.isascii() else cell_len(text)
        if size > left:
            if left >= 0 and width > 0:
                kept.append((set_cell_size(text, left) + ellipsis if width >= len(ellipsis) else "", role))
            break
        kept.append((text, role))
        left -= size
    return kept if width_of(kept) == width else fitted(kept, width) if width_of(kept) < width else []


def end_of(text: str, width: int) -> str:
    """The end of a path that is wider than `width` columns, which tells more than its beginning."""
    while cell_len(text) > max(width, SHORTEST_END):
        text = f"…{text.removeprefix('…')[1:]}"
    return text


def between(left: Line, right: Line, width: int) -> Line:
    """`left` at the beginning and `right` at the end of a line of `width` columns; `right` gives way first."""
    space = width - width_of(left) - width_of(right)
    if space >= 1:
        return [*left, (" " * space, ""), *right]
    if width_of(left) >= width - 8 or not right:
        return fitted(left, width)
    return [*left, (" ", ""), *fitted(right, width - width_of(left) - 1)]


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters, broken at blanks where there are some; control codes are blanks."""
    clean = "".join(c if c.isprintable() else " " for c in text.expandtabs(4))
    lines: list[str] = []
    while cell_len(clean) > width > 0:
        cut = len(clean[:width].rpartition(" ")[0]) or width
        lines.append(clean[:cut])
        clean = clean[cut:].lstrip(" ")
    return [*lines, clean]
