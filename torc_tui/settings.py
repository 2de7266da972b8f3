"""The console's own settings: the table `[tui]` of torc's configuration files, and `TORC_TUI__THEME`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from torc_core.config import config_files
from torc_core.errors import InputError

THEMES = ("dark", "light", "ansi", "mono")
"""Names of the palettes of `rendering/palette.py`, without their `torc-`."""


class Settings(Struct, forbid_unknown_fields=True):
    """`[tui]`; `keys` maps the id of an action to its keys, joined by commas, or `none`."""

    theme: str = "dark"
    keys: dict[str, str] = field(default_factory=dict)
    mouse: bool = True


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of all files, the later ones winning key by key. InputError names the file and what is wrong."""
    merged: dict[str, Any] = {}
    for path in config_files():
        try:
            table = tomllib.loads(path.read_text()).get("tui", {})
            msgspec.convert(table, Settings)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise InputError(f"configuration {path}: tui: {error}") from None
        keys = {**merged.get("keys", {}), **table.get("keys", {})}
        merged = {**merged, **table, "keys": keys}
    if environment.get("TORC_TUI__THEME"):
        merged["theme"] = environment["TORC_TUI__THEME"]
    settings = msgspec.convert(merged, Settings)
    if settings.theme not in THEMES:
        raise InputError(f"tui.theme is {settings.theme!r}; one of {', '.join(THEMES)}")
    return settings
