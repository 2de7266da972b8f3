"""The colours: roles of text as styles, for each theme. States have roles of their own that nothing else uses."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

from rich.style import Style
from textual.theme import BUILTIN_THEMES, Theme

ROLES = (
    "text", "strong", "dim", "faint", "accent", "title", "key", "error", "warning",
    "running", "pending", "completed", "failed", "canceled", "terminated", "alarm",
    "match",
)  # fmt: skip


@dataclass(frozen=True)
class Palette:
    """Styles by role over the theme's background; `under` gives them over another one (the cursor's row)."""

    name: str
    background: str
    cursor: str
    """Background of the row under the cursor."""
    quiet_cursor: str
    """The same while another pane has the focus."""
    colours: dict[str, str]

    @property
    def ansi(self) -> bool:
        """Whether its colours are the terminal's own."""
        return self.background == "default"

    @cached_property
    def styles(self) -> dict[str, Style]:
        return self.under(self.background)

    @cached_property
    def cursor_styles(self) -> dict[str, Style]:
        return self.under(self.cursor)

    @cached_property
    def quiet_styles(self) -> dict[str, Style]:
        return self.under(self.quiet_cursor)

    def under(self, background: str) -> dict[str, Style]:
        """Every role over this background; the role "" is that of plain text."""
        found = {role: Style.parse(f"{self.colours[role]} on {background}") for role in ROLES}
        return {**found, "": found["text"]}


DARK = Palette(
    "torc-dark",
    background="#10141b",
    cursor="#1d3145",
    quiet_cursor="#1a212b",
    colours={
        "text": "#c9d1d9",
        "strong": "bold #eef2f6",
        "dim": "#8f9ba8",
        "faint": "#333d49",
        "accent": "#5fc9d8",
        "title": "#8f9ba8",
        "key": "bold #5fc9d8",
        "error": "bold #ff7b72",
        "warning": "#e3b341",
        "running": "#6cb2ff",
        "pending": "#77a0cf",
        "completed": "#6cc47c",
        "failed": "#ff7b72",
        "canceled": "#bd93d8",
        "terminated": "#f0a04b",
        "alarm": "reverse #ff7b72",
        "match": "reverse #e3b341",
    },
)

LIGHT = Palette(
    "torc-light",
    background="#fbfbf9",
    cursor="#d5e6f2",
    quiet_cursor="#ebeeee",
    colours={
        "text": "#24292f",
        "strong": "bold #000000",
        "dim": "#59636d",
        "faint": "#d0d4d8",
        "accent": "#00697a",
        "title": "#59636d",
        "key": "bold #00697a",
        "error": "bold #b3261e",
        "warning": "#7d5700",
        "running": "#0a5cc2",
        "pending": "#3f6596",
        "completed": "#1a6b2d",
        "failed": "#b3261e",
        "canceled": "#77429b",
        "terminated": "#994d00",
        "alarm": "reverse #b3261e",
        "match": "reverse #7d5700",
    },
)

ANSI = Palette(
    "torc-ansi",
    background="default",
    cursor="bright_black",
    quiet_cursor="default",
    colours={
        "text": "default",
        "strong": "bold default",
        "dim": "dim default",
        "faint": "dim default",
        "accent": "cyan",
        "title": "dim default",
        "key": "bold cyan",
        "error": "bold red",
        "warning": "yellow",
        "running": "blue",
        "pending": "dim blue",
        "completed": "green",
        "failed": "red",
        "canceled": "magenta",
        "terminated": "yellow",
        "alarm": "reverse red",
        "match": "reverse yellow",
    },
)

MONO = Palette(
    "torc-mono",
    background="default",
    cursor="default",
    quiet_cursor="default",
    colours={
        **dict.fromkeys(ROLES, "default"),
        "strong": "bold default",
        "key": "bold default",
        "accent": "bold default",
        "failed": "bold default",
        "error": "bold default",
        "alarm": "reverse default",
        "match": "reverse default",
        "dim": "dim default",
        "faint": "dim default",
        "title": "dim default",
    },
)
"""For NO_COLOR: attributes only. The cursor's row is told by its mark and by being reversed."""

PALETTES = {palette.name: palette for palette in (DARK, LIGHT, ANSI, MONO)}


def palette_called(name: str) -> Palette:
    """The palette of this name, unless the user wants no colours at all."""
    return MONO if os.environ.get("NO_COLOR") else PALETTES[name]


def theme(palette: Palette) -> Theme:
    """The theme for Textual's own widgets that goes with a palette."""
    ansi = palette.ansi

    def colour(role: str) -> str:
        name = palette.colours[role].split()[-1]
        return f"ansi_{name}" if ansi else name

    background = "ansi_default" if ansi else palette.background
    own = BUILTIN_THEMES["ansi-dark"].variables if ansi else {}
    return Theme(
        name=palette.name,
        ansi=ansi,
        dark=palette is not LIGHT,
        primary=colour("accent"),
        secondary=colour("pending"),
        accent=colour("accent"),
        warning=colour("warning"),
        error=colour("failed"),
        success=colour("completed"),
        foreground=colour("text"),
        background=background,
        surface=background,
        panel=background if ansi else palette.quiet_cursor,
        boost=background,
        variables={
            **own,
            "dim": colour("dim"),
            "faint": colour("faint"),
            "cursor": background if ansi else palette.cursor,
            "input-cursor-background": colour("accent") if not ansi else "ansi_white",
            "input-cursor-foreground": "ansi_black" if ansi else palette.background,
            "input-selection-background": "ansi_bright_blue" if ansi else palette.cursor,
            "block-cursor-background": "ansi_cyan" if ansi else palette.cursor,
            "block-cursor-foreground": "ansi_black" if ansi else colour("strong"),
            "block-cursor-text-style": "none",
        },
    )
