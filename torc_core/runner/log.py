"""The runner's log file, in the line format of torc's (observed.md 2).

Not `logging`: at hundreds of jobs a second its records cost more than everything else that is done for a job. Lines
are collected and written together, each second or when many have come.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40}

FULL = 500
"""Lines that are collected at most before they are written."""


class Log:
    """Collects lines; they are written once `open` has said where. Errors also go to stderr, at once."""

    def __init__(self, level: str = "info") -> None:
        self.path: Path | None = None
        self._level = LEVELS[level]
        self._lines: list[str] = []
        self._file: int | None = None
        self._second = 0
        self._stamp = ""
        self._refused = False

    def open(self, path: Path) -> None:
        """Append to this file from now on; a runner of the same run on this host shares it."""
        self.path = path
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError as error:
            self._refuse(error)

    def debug(self, text: str) -> None:
        """What only a developer wants to know."""
        self._add(10, "DEBUG", text)

    def info(self, text: str) -> None:
        """What happened."""
        self._add(20, "INFO ", text)

    def warn(self, text: str) -> None:
        """Something to look at that does not stop the work."""
        self._add(30, "WARN ", text)

    def error(self, text: str) -> None:
        """Something that the user must know now."""
        self._add(40, "ERROR", text)
        print(f"torc-runner: {text}", file=sys.stderr, flush=True)

    def flush(self) -> None:
        """Write what was collected; a disk that refuses costs the lines, never the jobs."""
        if self._file is None:
            if self._refused:
                self._lines.clear()
            return
        if not self._lines:
            return
        data = "".join(self._lines).encode(errors="replace")
        self._lines.clear()
        try:
            os.write(self._file, data)
        except OSError as error:
            self._refuse(error)

    def _refuse(self, error: OSError) -> None:
        if not self._refused:
            print(f"torc-runner: cannot write the log: {error.strerror}", file=sys.stderr, flush=True)
        self._refused = True

    def _add(self, level: int, name: str, text: str) -> None:
        if level < self._level:
            return
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        self._lines.append(f"[{self._stamp} {name} torc::runner] {text}\n")
        if len(self._lines) >= FULL:
            self.flush()
