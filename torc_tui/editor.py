"""Handing a file to the user's editor or pager, which has the terminal meanwhile."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from torc_core.errors import InputError

if TYPE_CHECKING:
    from torc_tui.console import Console

TAKES_LINE = ("vi", "vim", "nvim", "vim.basic", "vim.tiny", "nano", "emacs", "micro", "kak", "joe", "mg", "ne")
"""Editors that go to the line of `+LINE`."""

OTHERWISE = ("vi", "nano")
"""Tried when neither VISUAL nor EDITOR says which."""


def editor_command() -> list[str]:
    """The user's editor: VISUAL, EDITOR, else what there is. InputError when there is none."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    command = shlex.split(named) if named else [name for name in OTHERWISE if shutil.which(name)][:1]
    if not command:
        raise InputError("no editor is known: set EDITOR, such as EDITOR=nano")
    return command


def edit(app: Console, path: Path, line: int | None = None) -> None:
    """Edit a file and come back when the editor ends. InputError when it cannot be started or fails.

    The console stands still meanwhile, as it must: the terminal is the editor's.
    """
    command = editor_command()
    place = [f"+{line}"] if line and os.path.basename(command[0]) in TAKES_LINE else []
    try:
        with handed_over(app):
            code = subprocess.run([*command, *place, str(path)], check=False).returncode
    except OSError as error:
        raise InputError(f"editor {command[0]!r} cannot be started: {error.strerror}; set EDITOR to another") from None
    if code != 0:
        raise InputError(f"editor {command[0]!r} ended with exit code {code}")


async def edit_and_tell(app: Console, path: Path) -> str:
    """Edit a file; gives the line that says whether it was changed. InputError as of `edit`."""
    before = (await asyncio.to_thread(path.stat)).st_mtime_ns
    edit(app, path)
    changed = (await asyncio.to_thread(path.stat)).st_mtime_ns != before
    return f"{path.name} is changed" if changed else f"{path.name} is as it was"


def pager_command() -> list[str]:
    """The user's pager. InputError when there is none."""
    named = os.environ.get("PAGER")
    command = shlex.split(named) if named else [name for name in ("less", "more") if shutil.which(name)][:1]
    if not command:
        raise InputError("no pager is known: set PAGER, such as PAGER=less")
    if os.path.basename(command[0]) == "less":
        command.append("-R")
    return command


def page(app: Console, path: Path, line: int | None = None) -> None:
    """Show a file in the pager, at a line where the pager knows how. InputError when it cannot be started."""
    command = pager_command()
    place = [f"+{line}g"] if line and os.path.basename(command[0]) == "less" else []
    try:
        with handed_over(app):
            subprocess.run([*command, *place, str(path)], check=False)
    except OSError as error:
        raise InputError(f"pager {command[0]!r} cannot be started: {error.strerror}; set PAGER to another") from None


def handed_over(app: Console) -> AbstractContextManager[None]:
    """While it lasts the terminal is another program's."""
    driver = app._driver
    if driver is None or not driver.can_suspend:
        return nullcontext()
    return app.suspend()
