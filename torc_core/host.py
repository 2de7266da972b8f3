"""Which host, and which set of process ids, this process lives in."""

from __future__ import annotations

import os
from pathlib import Path


def process_space() -> str:
    """Names the set of pids that this process can see: boot id and pid namespace.

    Two processes with the same value can watch each other by pid. Empty where the system does not tell.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""
