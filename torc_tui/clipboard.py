"""Copying by tmux where the console runs in it, else by the terminal (OSC 52), which also works over SSH."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping

LIMIT = 74_994
"""Encoded characters that terminals take at most."""

TMUX_LIMIT_S = 2.0
"""How long tmux may take."""


def copy_in_tmux(text: str) -> bool:
    """Let tmux keep a text as its newest buffer and hand it on to its terminal; False where no tmux does.

    As it is set up by itself it ignores the escape sequences by which programs copy. To be called in a thread.
    """
    if not os.environ.get("TMUX"):
        return False
    command = ["tmux", "load-buffer", "-w", "-"]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=False, timeout=TMUX_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def copy_sequence(text: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The escape sequence that makes the terminal copy `text`; None when it is too long for terminals.

    A tmux that is too old to hand a buffer on (before 3.2) passes it on to its terminal, as screen does.
    """
    encoded = base64.b64encode(text.encode()).decode()
    if len(encoded) > LIMIT:
        return None
    sequence = f"\x1b]52;c;{encoded}\a"
    if environment.get("TMUX"):
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\"
    if environment.get("TERM", "").startswith("screen"):
        return f"\x1bP{sequence}\x1b\\"
    return sequence
