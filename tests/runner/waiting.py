"""Waits for what happens outside the server: files and processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def until(condition: Callable[[], Any], what: str, seconds: float = 15.0) -> None:
    """Look until the condition holds; AssertionError says what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen in {seconds} s")
        time.sleep(0.005)


def pid_in(path: Path) -> int:
    """The process id that a job writes into a file, once it is there."""
    until(lambda: path.exists() and path.read_text().endswith("\n"), f"{path.name} written")
    return int(path.read_text())


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return False


def nobody_is_left(*pids: int) -> None:
    """Wait until none of the processes runs."""
    until(lambda: not any(is_alive(pid) for pid in pids), f"end of {pids}, seen from {os.getpid()}")
