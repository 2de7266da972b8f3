"""Pictures of a terminal's screen as SVG: each run of cells that look the same is one text over one rectangle."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import groupby

from tests.tui.terminal import Cell, Grid

WIDTH, HEIGHT, SIZE = 8.43, 17.0, 14.0
"""Of a cell and of the letters, in pixels; the width is that of DejaVu Sans Mono."""

MARGIN = 10.0

BASELINE = 13.0
"""From the top of a cell."""

GROUND, INK = "10141b", "c9d1d9"

FONTS = "DejaVu Sans Mono, Menlo, Consolas, monospace"

NAMED = {
    "black": "1d1f21", "red": "cc6666", "green": "7fb56a", "brown": "d0a24c", "blue": "6c9fd2", "magenta": "b294bb",
    "cyan": "6ab7b0", "white": "c5c8c6", "brightblack": "4b5561",
}  # fmt: skip


def svg(grid: Grid) -> str:
    """The picture."""
    width, height = len(grid[0]) * WIDTH + 2 * MARGIN, len(grid) * HEIGHT + 2 * MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
            f' width="{width:.0f}" height="{height:.0f}" font-family="{FONTS}" font-size="{SIZE:.0f}">',
            f'<rect width="100%" height="100%" rx="6" fill="#{GROUND}"/>',
            *(part for y, line in enumerate(grid) for part in _line(y, line)),
            "</svg>\n",
        ]
    )


def _line(y: int, line: list[Cell]) -> Iterator[str]:
    top = MARGIN + y * HEIGHT
    x = 0
    for (ink, ground, bold), cells in groupby(line, _look):
        text = "".join(cell[0] for cell in cells)
        left, long = MARGIN + x * WIDTH, len(text) * WIDTH
        x += len(text)
        if ground != GROUND:
            yield f'<rect x="{left:.2f}" y="{top:.1f}" width="{long:.2f}" height="{HEIGHT}" fill="#{ground}"/>'
        shown = text.strip()
        if shown:
            left += (len(text) - len(text.lstrip())) * WIDTH
            weight = ' font-weight="bold"' if bold else ""
            yield (
                f'<text x="{left:.2f}" y="{top + BASELINE:.1f}" fill="#{ink}"{weight} xml:space="preserve"'
                f' textLength="{len(shown) * WIDTH:.2f}">{escape(shown)}</text>'
            )


def _look(cell: Cell) -> tuple[str, str, bool]:
    _, ink, ground, bold, reverse = cell
    ink = INK if ink == "default" else NAMED.get(ink, ink)
    ground = GROUND if ground == "default" else NAMED.get(ground, ground)
    return (ground, ink, bold) if reverse else (ink, ground, bold)
