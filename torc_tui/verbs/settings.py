"""The settings: looking at them, and changing them in the user's editor."""

from __future__ import annotations

import asyncio
from pathlib import Path

from torc_core.errors import InputError
from torc_tui import editor
from torc_tui.actions import Action, Group, Place
from torc_tui.context import Context
from torc_tui.screens.settings import SettingsScreen
from torc_tui.settings import user_file


async def _show(context: Context) -> None:
    await context.app.open(SettingsScreen())


def _here(context: Context) -> str | None:
    return "they are on screen" if isinstance(context.screen, SettingsScreen) else None


async def _edit(context: Context) -> None:
    """What is mistaken changes nothing, and stays on screen until it is mended."""
    assert isinstance(context.screen, SettingsScreen)
    path = user_file()
    await asyncio.to_thread(_make_folder, path.parent)
    said = await editor.edit_and_tell(context.app, path)
    await context.screen.read(apply=True)
    if context.screen.mistake:
        raise InputError(context.screen.mistake)
    context.app.say(said)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}") from None


ACTIONS = (
    Action("settings.edit", "edit", "Change your settings in your editor ($VISUAL, $EDITOR); they count at once", "e",
           frozenset({Place.SETTINGS}), _edit, Group.ACT, footer=10),
    Action("console.settings", "settings", "Theme and keys: where they are set, and which are yours", ",",
           frozenset({Place.ANYWHERE}), _show, Group.CONSOLE, reason=_here),
)  # fmt: skip
