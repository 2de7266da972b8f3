"""The settings, as lines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from torc_tui.actions import Registry, key_name
from torc_tui.rendering.cells import Line, fitted, wrapped
from torc_tui.rendering.run_view import tilde
from torc_tui.settings import EXAMPLE, THEMES, Found, user_file

OVERRULES = {"NO_COLOR": "NO_COLOR", "TORC_TUI__THEME": "TORC_TUI__THEME, or --low-bandwidth"}
"""Variables that say the theme, whatever the files say, and how they come to be set."""


def settings_lines(found: Found, mistake: str, registry: Registry, palette: str, width: int) -> list[Line]:
    """Files, theme, mouse, keys that are not the default ones, and how all that is written."""
    parts = wrapped(mistake, width - 6) if mistake else []
    lines: list[Line] = [[(" ✖ " if part is parts[0] else "   ", "error"), (part, "error")] for part in parts]
    if mistake:
        lines.append([])
    lines.append(_heading("FILES", "the later ones win"))
    for path, there in found.files:
        line: Line = [
            (f"   {'read' if there else 'not there':<12}", "dim"),
            (_called(path), "text" if there else "dim"),
        ]
        if path == user_file():
            line += [("   e", "key"), (" edits it" if there else " makes it", "dim")]
        lines.append(line)
    by = next((f", here by {said}" for name, said in OVERRULES.items() if os.environ.get(name)), "")
    themes = f"one of {', '.join(THEMES)}{by}"
    lines += [[], _heading("THEME", themes, palette.removeprefix("torc-"))]
    if found.settings:
        mouse = "used" if found.settings.mouse else "left to the terminal"
        lines.append(_heading("MOUSE", "from the next start on", mouse))
    return [*lines, [], *_keys(registry), [], _heading("HOW IT IS WRITTEN", ""), *_example()]


def _heading(title: str, note: str, value: str = "") -> Line:
    return [(f" {title}", "title"), (f"   {value}" if value else "", "text"), (f"   {note}", "dim")]


def _called(path: Path) -> str:
    return tilde(path) if path.is_absolute() else f"./{path}"


def _keys(registry: Registry) -> list[Line]:
    changed = registry.changed
    lines = [_heading("KEYS", "all are the default ones" if not changed else "that are not the default ones")]
    for action in changed:
        mine, default = (_named(keys) for keys in (registry.keys[action.id], action.default_keys))
        line: Line = [("   ", ""), *fitted([(mine, "key")], 12), *fitted([(action.id, "text")], 24)]
        lines.append([*line, *fitted([(action.title, "text")], 16), (f"by default {default}", "dim")])
    return lines + [[("   ✖ ", "warning"), (clash, "warning")] for clash in registry.clashes]


def _named(keys: Sequence[str]) -> str:
    return " ".join(map(key_name, keys)) or "none"


def _example() -> list[Line]:
    return [[(f"   {line}", "dim")] for line in EXAMPLE.splitlines()]
