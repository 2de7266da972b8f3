"""The files that a job works with, to be mended: those that its command names, and those that are declared for it."""

from __future__ import annotations

import os
import shlex
from typing import NamedTuple

from torc_core.models.console import JobDetail

LOOKED_AT = 4096
"""So many bytes tell whether a file is text."""


class JobFile(NamedTuple):
    path: str
    """Absolute, if the folder that the job works in is known."""
    named: str
    """As the job names it."""
    how: str


def files_of(detail: JobDetail) -> list[JobFile]:
    """What a job's command names comes first, then what it reads, then what it writes. Looks at files: for threads."""
    folder = detail.origin or "."
    rows = [("reads", row) for row in detail.inputs] + [("writes", row) for row in detail.outputs]
    declared = [JobFile(os.path.join(folder, row["path"]), row["path"], how) for how, row in rows]
    known = {os.path.normpath(file.path) for file in declared}
    command = " ".join(detail.job.get(part) or "" for part in ("invocation_script", "command"))
    named = (JobFile(os.path.join(folder, word), word, "in its command") for word in _words(command))
    return [*(file for file in named if os.path.normpath(file.path) not in known and _is_text(file.path)), *declared]


def _words(command: str) -> list[str]:
    """The words of a shell command, and what follows a `=` in one, each once."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:  # a quote that is not closed
        words = command.split()
    return list(dict.fromkeys(part for word in words for part in (word, word.partition("=")[2]) if part))


def _is_text(path: str) -> bool:
    """Whether it is a file that an editor can show."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return b"\0" not in file.read(LOOKED_AT)
    except (OSError, ValueError):
        return False
