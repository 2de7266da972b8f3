"""Named points at which a test can have a process killed, as a power cut or the kernel would.

`TORC_CRASH_AT=NAME` kills the process that comes to the point NAME, `NAME:3` only the third time. Without the variable
a point costs a call and a comparison.
"""

from __future__ import annotations

import os
import signal

_NAME, _, _COUNT = os.environ.get("TORC_CRASH_AT", "").partition(":")
_left = int(_COUNT or 1)


def crash_point(name: str) -> None:
    """Die here by SIGKILL, if this is the point that TORC_CRASH_AT names."""
    global _left
    if not _NAME or name != _NAME:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
