"""The `torc` command, run in this process or as one of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from torc_core.cli.main import main

DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)


class Torc:
    """Runs `torc` commands; `folder` is where the user is."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._capsys = capsys
        self.folder = folder

    def __call__(self, *arguments: object, code: int | None = 0) -> Outcome:
        """Run a command; it must end with `code` unless that is None."""
        self._capsys.readouterr()
        ended = main([str(argument) for argument in arguments])
        outcome = Outcome(ended, *self._capsys.readouterr())
        assert code is None or outcome.code == code, outcome
        return outcome

    def write(self, text: str, name: str = "flow.yaml") -> Path:
        """A workflow file in the folder."""
        path = self.folder / name
        path.write_text(text)
        return path

    def create(self, text: str) -> int:
        """The id of a new workflow, not initialized."""
        created = self("workflows", "create", self.write(text), "-f", "json")
        return int(created.json["workflow_id"])


def in_background(*arguments: object) -> subprocess.Popen[str]:
    """A `torc` command as a process of its own."""
    command = [sys.executable, "-m", "torc_core.cli.main", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
