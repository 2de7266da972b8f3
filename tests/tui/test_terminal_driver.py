"""The console's driver, without a terminal."""

from __future__ import annotations

import pytest
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Resize
from textual.geometry import Size

from torc_tui.rendering.pen import Pen
from torc_tui.terminal_driver import ThriftyDriver

UPDATE = "\x1b[1;1Habc\x1b[3;1Hdef\x1b[5;1Hghi\x1b[1;1H"


def test_a_resize_in_the_middle_of_an_update_ends_what_is_known_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(LinuxDriver, "write", lambda _, data: written.append(data))
    monkeypatch.setattr(LinuxDriver, "process_message", lambda *_: None)
    driver = ThriftyDriver.__new__(ThriftyDriver)
    go, times = Pen.go, iter(range(100))

    def resizing(self: Pen, place: tuple[int, int]) -> None:
        go(self, place)
        if next(times) == 1:  # the signal, and the thread that reads the terminal, come whenever they like
            driver.process_message(Resize(Size(80, 24), Size(80, 24)))

    monkeypatch.setattr(Pen, "go", resizing)
    for _ in range(3):
        driver.write(UPDATE)
    assert [all(text in data for text in ("abc", "def", "ghi")) for data in written] == [True, True]
