"""Commands that are no jobs: how they begin, and what is told when they cannot."""

from __future__ import annotations

import subprocess
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests.runner.waiting import until
from torc_core.runner.launch import CannotStart, MachineFull
from torc_core.runner.scripts import Script, Scripts

CODES = list[int]


def scripts_here() -> Scripts:
    jobs: Any = SimpleNamespace(keep=lambda _: None, release=lambda _: None)
    return Scripts(jobs, lambda: None, grace_s=1.0)


def test_a_script_waits_while_the_machine_is_full() -> None:
    tries: list[float] = []
    codes: CODES = []

    def start() -> subprocess.Popen[bytes]:
        tries.append(time.monotonic())
        if len(tries) == 1:
            raise MachineFull("cannot start: Resource temporarily unavailable", 126)
        return subprocess.Popen(["bash", "-c", "exit 3"], start_new_session=True)

    scripts = scripts_here()
    scripts.run(Script(start, codes.append))
    scripts.tick(0.0)
    again = scripts.due()
    assert (len(tries), codes) == (1, [])
    assert 0.0 < again < 10.0
    scripts.tick(again / 2)
    assert len(tries) == 1

    def ended() -> bool:
        scripts.tick(again)
        return bool(codes)

    until(ended, "the script to end")
    assert (len(tries), codes) == (2, [3])


def test_a_script_that_cannot_start_says_why() -> None:
    codes: CODES = []

    def start() -> subprocess.Popen[bytes]:
        raise CannotStart("working directory gone: No such file or directory", 127)

    scripts, script = scripts_here(), Script(start, codes.append)
    scripts.run(script)
    scripts.tick(0.0)
    assert codes == [127]
    assert script.cause == "working directory gone: No such file or directory"


def test_a_script_is_watched_as_soon_as_a_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: CODES = []
    start = threading.Thread.start

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    scripts = scripts_here()
    scripts.run(Script(lambda: subprocess.Popen(["bash", "-c", "exit 3"], start_new_session=True), codes.append))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    scripts.tick(1.0)
    scripts.tick(2.0)
    assert 2.0 < scripts.due() < 10.0
    monkeypatch.setattr(threading.Thread, "start", start)

    def ended() -> bool:
        scripts.tick(scripts.due() if scripts.due() < 1e9 else 10.0)
        return bool(codes)

    until(ended, "the script to end")
    assert codes == [3]
