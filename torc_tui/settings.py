"""The console's own settings: the table `[tui]` of torc's configuration files, and `TORC_TUI__THEME`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from torc_core.config import config_files
from torc_core.errors import InputError

THEMES = ("dark", "light", "ansi", "mono")
"""Names of the palettes of `rendering/palette.py`, without their `torc-`."""


EXAMPLE = """\
[tui]
theme = "light"
mouse = false

[tui.keys]
"workflow.cancel" = "K"
"job.retry" = "ctrl+r,T"
"workflow.delete" = "none"
"""

_OF_ALL_COMMANDS = """\
[client]
api_url = "http://localhost:8080/torc-service/v1"
format = "json"

[client.run]
output_dir = "output"
max_parallel_jobs = 4
num_cpus = 4
memory_gb = 8.0
num_gpus = 0
"""

_ABOUT = f"""\
# Settings of torc. Nothing is set as long as its line begins with '#'.
# /etc/torc/config.toml counts less than this file; ./torc.toml of the folder where torc is started counts more,
# then variables (TORC_TUI__THEME, TORC_API_URL, TORC_CLIENT__RUN__NUM_CPUS), then options of the command.

# The console. Theme: {", ".join(THEMES)}. Keys: an action's name is what ':' takes, with a dot; 'none' is no key.
"""


def _off(lines: str) -> str:
    return "".join(f"#{line}" if line.strip() else line for line in lines.splitlines(keepends=True))


TEMPLATE = f"""\
{_ABOUT}{_off(EXAMPLE)}
# All commands: the server (without one torc starts your own), how they print, and what 'torc run' may use.
{_off(_OF_ALL_COMMANDS)}"""
"""What a new file of the user's says: all that can be set, and nothing of it is."""


class Settings(Struct, forbid_unknown_fields=True):
    """`[tui]`; `keys` maps the id of an action to its keys, joined by commas, or `none`."""

    theme: str = "dark"
    keys: dict[str, str] = field(default_factory=dict)
    mouse: bool = True

    @property
    def palette(self) -> str:
        """The name of the theme's palette."""
        return f"torc-{self.theme}"


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


def user_file() -> Path:
    """The file where the user says what is to be different; it need not exist."""
    return config_files()[1]


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of configuration: the files that count, the weakest first, and what they say or what is wrong."""

    files: list[tuple[Path, bool]]
    """Each with whether it is there."""
    settings: Settings | None
    mistake: str = ""


def look() -> Found:
    """Read the configuration anew. To be called in a thread."""
    files = [(path, path.is_file()) for path in config_files()]
    try:
        return Found(files, load())
    except InputError as error:
        return Found(files, None, str(error))
