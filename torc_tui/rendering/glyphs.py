"""How a status looks: glyph, word and role of its colour. Never colour alone."""

from __future__ import annotations

import locale
import os
from dataclasses import dataclass

from torc_tui.rendering.cells import Line


@dataclass(frozen=True, slots=True)
class Look:
    glyph: str
    plain: str
    """The glyph where the terminal has only ASCII."""
    role: str


STATUSES = {
    "running": Look("●", "R", "running"),
    "completed": Look("✔", "C", "completed"),
    "failed": Look("✖", "F", "failed"),
    "blocked": Look("◌", "B", "dim"),
    "ready": Look("○", "r", "text"),
    "pending": Look("◔", "p", "pending"),
    "canceled": Look("⊘", "X", "canceled"),
    "terminated": Look("◼", "T", "terminated"),
    "uninitialized": Look("·", ".", "dim"),
    "disabled": Look("–", "-", "dim"),
    "pending_failed": Look("!", "!", "alarm"),
    "empty": Look("·", ".", "dim"),
    "stuck": Look("◆", "S", "warning"),
}

_ASCII = str.maketrans(
    {
        "▌": ">", "▐": "|", "│": "|", "─": "-", "┄": "-", "█": "#", "▓": "=", "░": ".", "…": "~", "–": "-",
        "·": ".", "›": ">", "‹": "<", "↑": "^", "↓": "v", "→": ">", "←": "<",
        "▁": "_", "▂": "_", "▃": ".", "▄": "-", "▅": "=", "▆": "+", "▇": "*",
        "●": "R", "✔": "C", "✖": "F", "◌": "B", "○": "r", "◔": "p", "⊘": "X", "◼": "T", "◆": "S",
        "╭": "+", "╮": "+", "╰": "+", "╯": "+", "└": "+", "┤": "|", "┬": "+", "┼": "+", "┴": "+", "┈": "-", "┊": "|",
        "━": "=",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Characters:
    """Which characters the terminal can show."""

    ascii: bool = False

    def text(self, text: str) -> str:
        """The text in characters that the terminal has."""
        return text.translate(_ASCII).encode("ascii", "replace").decode() if self.ascii else text

    def status(self, label: str, word: str | None = None) -> Line:
        """Glyph and word of a status."""
        look = STATUSES.get(label, STATUSES["uninitialized"])
        glyph = look.plain if self.ascii else look.glyph
        return [(f"{glyph} {word if word is not None else label}", look.role)]

    def glyph(self, label: str) -> Line:
        """The glyph of a status alone."""
        look = STATUSES.get(label, STATUSES["uninitialized"])
        return [(look.plain if self.ascii else look.glyph, look.role)]

    def runner(self, *, active: bool) -> Line:
        """Glyph and word of whether a runner is at work."""
        return self.status("running", "active") if active else self.status("disabled", "gone")


def terminal_characters() -> Characters:
    """ASCII where the locale's encoding is not UTF-8, or TORC_ASCII asks for it."""
    if os.environ.get("TORC_ASCII"):
        return Characters(ascii=True)
    encoding = locale.getpreferredencoding(False).lower().replace("-", "")
    forced = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or ""
    return Characters(ascii=encoding != "utf8" or forced in ("C", "POSIX"))
