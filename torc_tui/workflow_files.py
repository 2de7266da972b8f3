"""Files that workflows are made from: completing their paths, those used lately, the examples. Called in threads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torc_core
from torc_core.errors import InputError
from torc_tui.kept_list import KeptList

EXTENSIONS = (".yaml", ".yml", ".json", ".json5", ".kdl")

SHOWN = 200
"""So many completions at most."""

LOOKED_AT = 20_000
"""So many entries of a folder are looked at."""

RECENT = KeptList("recent_workflow_files", 20)
"""Paths of the files that workflows were made from."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something that a path could be: `path` as it would be typed."""

    path: str
    note: str

    @property
    def is_folder(self) -> bool:
        return self.path.endswith("/")


def real(text: str) -> Path:
    """The path that a typed text means."""
    return Path(os.path.expanduser(text.strip()))


def short(path: Path) -> str:
    """A path as it is shortest to type: relative when it is below the working folder, else from `~`."""
    path = Path(os.path.abspath(path))
    if path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def completions(text: str) -> list[Found]:
    """What the text may become: files of workflows, while there is none also those used lately, then folders.

    Of the working folder's own files those used lately come first, and all of them before those of other folders.
    """
    typed = text.strip()
    parent, _, start = typed.rpartition("/")
    folder = real(f"{parent}/" if "/" in typed else ".")
    lately = _recent_found() if not typed else []
    known = {entry.path for entry in lately}
    files, folders = _listed(folder, start)
    prefix = f"{parent}/" if "/" in typed else ""
    found = [entry for entry in lately if "/" not in entry.path]
    found += [Found(prefix + name, "") for name in files if prefix + name not in known]
    found += [entry for entry in lately if "/" in entry.path]
    found += [Found(f"{prefix}{name}/", "folder") for name in folders]
    return found[:SHOWN]


def _listed(folder: Path, start: str) -> tuple[list[str], list[str]]:
    """Files of workflows and folders whose names begin so, else those that contain it; hidden ones when asked for."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(LOOKED_AT), entries, strict=False):
                if start.lower() not in entry.name.lower() or (entry.name[0] == "." and not start.startswith(".")):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif entry.name.lower().endswith(EXTENSIONS):
                    files.append(entry.name)
    except OSError:
        return [], []

    def order(name: str) -> tuple[bool, str]:
        return not name.lower().startswith(start.lower()), name.lower()

    return sorted(files, key=order), sorted(folders, key=order)


def common_start(texts: Iterable[str], typed: str) -> str:
    """What all texts that go on from what was typed have in common; never less than that."""
    going_on = [text for text in texts if text.startswith(typed)]
    if not going_on:
        return typed
    first, last = min(going_on), max(going_on)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:same]


def recent() -> list[Path]:
    """The files that workflows were made from lately and that are there, the latest first."""
    return [path for path in map(Path, RECENT.read()) if path.is_file()]


def _recent_found() -> list[Found]:
    return [Found(short(path), "used lately") for path in recent()]


def remember(path: Path) -> None:
    """A workflow was made from this file."""
    RECENT.put(os.path.abspath(path))


def examples_folder() -> Path:
    """Where the examples are: they come with the package."""
    return Path(torc_core.__file__).parent / "examples"


def examples() -> list[Found]:
    """The examples with what they show, YAML first. InputError when the installation has none."""
    folder = examples_folder()
    files = [path for path in folder.glob("*") if path.suffix in EXTENSIONS] if folder.is_dir() else []
    files.sort(key=lambda path: (EXTENSIONS.index(path.suffix), path.name))
    if not files:
        raise InputError(f"this installation has no examples: there are none in {folder}")
    return [Found(str(path), _description(path)) for path in files]


def _description(path: Path) -> str:
    """What a file says of itself."""
    text = path.read_text(errors="replace")
    found = re.search(r"""^\s*"?description"?\s*:?\s*["']?([^"'\n]+)""", text, re.MULTILINE)
    return found.group(1).strip().rstrip(",") if found else ""


def is_example(path: Path) -> bool:
    """Whether a file is one of the examples, which belong to the installation."""
    return path.resolve().parent == examples_folder().resolve()


def own_copy(path: Path) -> Path:
    """A copy in the working folder, under a name that no file has. InputError when it cannot be written."""
    for number in range(1, 1000):
        name = path.name if number == 1 else f"{path.stem}_{number}{path.suffix}"
        try:
            with open(name, "x") as copy:
                copy.write(path.read_text())
            return Path(name)
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(f"{path.name} cannot be copied to {Path.cwd()}: {error.strerror}") from None
    raise InputError(f"{path.name} cannot be copied to {Path.cwd()}: there are a thousand already")
