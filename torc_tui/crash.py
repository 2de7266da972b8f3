"""A defect of the console's own: one line for the user, the details in a file."""

from __future__ import annotations

import contextlib
import sys
import traceback
from datetime import datetime

from torc_core.config import state_dir

REPORT = "console-crash.txt"
"""In the state directory; the newest is kept."""


def reported(error: BaseException) -> str:
    """What is said of it; the report is written where that is possible."""
    said = f"internal error: {type(error).__name__}: {error}"
    path = state_dir() / REPORT
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        when = f"{datetime.now():%Y-%m-%d %H:%M:%S}  {' '.join(sys.argv)}"
        path.write_text("\n".join([when, "", *traceback.format_exception(error)]))
        said += f"; the report is in {path}"
    return said


def farewell(error: BaseException) -> str:
    """What is said when it ends the console, once the terminal is the shell's again."""
    return f"torc: {reported(error)}. What runs goes on."
