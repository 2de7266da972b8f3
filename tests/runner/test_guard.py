"""Which processes are the guard's to kill."""

from __future__ import annotations

import errno
import subprocess
from typing import Any

import pytest

from torc_core.runner import guard


def test_children_are_found_where_their_list_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def few_descriptors(path: str, mode: str) -> Any:
        if path.endswith("/children"):
            raise OSError(errno.ENFILE, "Too many open files in system")
        return open(path, mode)

    monkeypatch.setattr(guard, "open", few_descriptors, raising=False)
    with subprocess.Popen(["sleep", "1000"]) as child:
        try:
            assert child.pid in guard.children()
        finally:
            child.kill()
