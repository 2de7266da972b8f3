"""Copying by the terminal (OSC 52), which also works over SSH, and inside tmux and screen."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

LIMIT = 74_994
"""Encoded characters that terminals take at most."""


def copy_sequence(text: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The escape sequence that makes the terminal copy `text`; None when it is too long for terminals."""
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
