"""The end of a console that met a defect of its own: one line for the user, the details in a file."""

from __future__ import annotations

import contextlib
import sys
import traceback
from datetime import datetime

from torc_core.config import state_dir

REPORT = "console-crash.txt"
"""In the state directory; the newest is kept."""


def farewell(error: BaseException) -> str:
    """What is said of it, once the terminal is the shell's again; the report is written where that is possible."""
    said = f"torc: internal error: {type(error).__name__}: {error}"
    path = state_dir() / REPORT
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        when = f"{datetime.now():%Y-%m-%d %H:%M:%S}  {' '.join(sys.argv)}"
        path.write_text("\n".join([when, "", *traceback.format_exception(error)]))
        said += f"; the report is in {path}"
    return f"{said}. What runs goes on."
