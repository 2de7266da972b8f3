"""What the fixtures `start`, `start_python` and `run` of these tests give."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

RunnerProcess = subprocess.Popen[str]

Start = Callable[..., RunnerProcess]
"""Starts `torc-runner` with more options (or lines of Python) and variables."""

Run = Callable[..., subprocess.CompletedProcess[str]]
"""Runs it to its end."""
