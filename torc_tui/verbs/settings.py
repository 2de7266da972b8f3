"""The settings: looking at them, and changing them in the user's editor."""

from __future__ import annotations

import asyncio
from pathlib import Path

from torc_core.errors import InputError
from torc_tui import editor
from torc_tui.actions import Action, Group, Place
from torc_tui.context import Context
from torc_tui.screens.settings import SettingsScreen
from torc_tui.settings import TEMPLATE, user_file


async def _show(context: Context) -> None:
    await context.app.open(SettingsScreen())


def _here(context: Context) -> str | None:
    return "they are on screen" if isinstance(context.screen, SettingsScreen) else None


async def _edit(context: Context) -> None:
    """What is mistaken changes nothing, and stays on screen until it is mended."""
    assert isinstance(context.screen, SettingsScreen)
    path = user_file()
    await asyncio.to_thread(_make, path)
    said = await editor.edit_and_tell(context.app, path)
    if await asyncio.to_thread(_forget_if_untouched, path):
        said = f"{path.name} was not made"
    await context.screen.read(apply=True)
    if context.screen.mistake:
        raise InputError(context.screen.mistake)
    context.app.say(said)


def _make(path: Path) -> None:
    """Begin a file that is not there with what can be set. InputError when that cannot be."""
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEMPLATE)
    except OSError as error:
        raise InputError(f"{path} cannot be made: {error.strerror}") from None


def _forget_if_untouched(path: Path) -> bool:
    """Whether the file says nothing of the user's own; it is gone then."""
    try:
        untouched = path.read_text() == TEMPLATE
        if untouched:
            path.unlink()
    except (OSError, UnicodeDecodeError):
        return False
    return untouched


ACTIONS = (
    Action("settings.edit", "edit", "Change your settings in your editor ($VISUAL, $EDITOR); they count at once", "e",
           frozenset({Place.SETTINGS}), _edit, Group.ACT, footer=10),
    Action("console.settings", "settings", "Theme and keys: where they are set, and which are yours", ",",
           frozenset({Place.ANYWHERE}), _show, Group.CONSOLE, reason=_here),
)  # fmt: skip
