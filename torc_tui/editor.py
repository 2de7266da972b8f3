"""Handing a file to the user's editor or pager, which has the terminal meanwhile."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import subprocess
from contextlib import nullcontext
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
    command = _words(named, "EDITOR") if named else [name for name in OTHERWISE if shutil.which(name)][:1]
    if not command:
        raise InputError("no editor is known: set EDITOR, such as EDITOR=nano")
    return command


def _words(named: str, variable: str) -> list[str]:
    try:
        return shlex.split(named)
    except ValueError as error:
        raise InputError(f"{named!r} is no command: {error}; set {variable} to another") from None


def edit(app: Console, path: Path, line: int | None = None) -> None:
    """Edit a file and come back when the editor ends. InputError when it cannot be started or fails.

    The console stands still meanwhile, as it must: the terminal is the editor's.
    """
    command = editor_command()
    place = [f"+{line}"] if line and os.path.basename(command[0]) in TAKES_LINE else []
    code = hand_over(app, [*command, *place, str(path)], "editor", "EDITOR")
    if code != 0:
        raise InputError(f"editor {command[0]!r} ended with exit code {code}")


async def edit_and_tell(app: Console, path: Path) -> str:
    """Edit a file; gives the line that says whether it was changed. InputError as of `edit`."""
    before = await asyncio.to_thread(_changed_at, path)
    edit(app, path)
    after = await asyncio.to_thread(_changed_at, path)
    if after is None:
        return f"{path.name} is not there any more" if before is not None else f"{path.name} was not made"
    return f"{path.name} is changed" if after != before else f"{path.name} is as it was"


def _changed_at(path: Path) -> int | None:
    """When a file was changed (nanoseconds since 1970); None when it is not there. InputError when none can tell."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def pager_command() -> list[str]:
    """The user's pager. InputError when there is none."""
    named = os.environ.get("PAGER")
    command = _words(named, "PAGER") if named else [name for name in ("less", "more") if shutil.which(name)][:1]
    if not command:
        raise InputError("no pager is known: set PAGER, such as PAGER=less")
    if os.path.basename(command[0]) == "less":
        command.append("-R")
    return command


def page(app: Console, path: Path, line: int | None = None) -> None:
    """Show a file in the pager, at a line where the pager knows how. InputError when it cannot be started."""
    command = pager_command()
    place = [f"+{line}g"] if line and os.path.basename(command[0]) == "less" else []
    hand_over(app, [*command, *place, str(path)], "pager", "PAGER")


def hand_over(app: Console, command: list[str], what: str, variable: str) -> int:
    """Let a program have the terminal until it ends; gives its exit code. InputError when it cannot be started.

    `App.suspend` takes the terminal back only when nothing is raised within it.
    """
    driver = app._driver
    with app.suspend() if driver is not None and driver.can_suspend else nullcontext():
        outcome = _outcome(command)
    if isinstance(outcome, int):
        return outcome
    raise InputError(f"{what} {command[0]!r} cannot be started: {outcome.strerror}; set {variable} to another")


def _outcome(command: list[str]) -> int | OSError:
    """The exit code, or why it could not be started. Ctrl+C is for the program alone: it would end the console, too."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(command, check=False).returncode
    except OSError as error:
        return error
    finally:
        signal.signal(signal.SIGINT, before)
