"""A pseudo terminal with programs in it: keys go in, the bytes that come out are counted and drawn by pyte.

It behaves as a terminal of today: 24-bit colour, and it answers that it can show an update at once (mode 2026).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
import pyte

CONSOLE = [sys.executable, "-m", "torc_core.cli.main", "tui"]
"""The command that starts the console."""

LIMIT_S = 15.0
"""How long a condition may take to come true."""

QUIET_S = 0.15
"""A terminal that got nothing for so long has got all that a key makes."""

ESCAPE_S = 0.2
"""Twice as long as an escape waits for more to come."""

SYNC_QUESTION = b"\x1b[?2026$p"
SYNC_ANSWER = b"\x1b[?2026;2$y"

KEYS = {
    "enter": "\r", "escape": "\x1b", "tab": "\t", "shift+tab": "\x1b[Z", "space": " ", "backspace": "\x7f",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
    "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "delete": "\x1b[3~", "f5": "\x1b[15~",
    **{f"ctrl+{letter}": chr(ord(letter) & 31) for letter in "abcdefghijklmnopqrstuvwxyz"},
}  # fmt: skip
"""What a terminal sends for the keys that are no characters, by Textual's names."""

_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<>=?][0-9;]*(?:\$[a-z]|[a-gi-km-zA-Z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
"""Questions, the keyboard protocol, clipboard and title: they draw nothing."""


_OTHER_SCREEN = re.compile(rb"\x1b\[\?1049[hl]")
"""pyte has one screen: it is cleared where another one would be shown."""


def _environment() -> dict[str, str]:
    """Nothing tells programs of another size than their terminal's."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor"}


Cell = tuple[str, str, str, bool, bool]
"""Character, colour, background, bold, reversed."""

Grid = list[list[Cell]]
"""Lines of cells."""


def _cell(cell: pyte.screens.Char) -> Cell:
    plain = cell.data == " " and not cell.reverse
    return cell.data, "default" if plain else cell.fg, cell.bg, cell.bold and not plain, cell.reverse


class Cost(NamedTuple):
    """What came of a key: bytes, seconds until the first and until the last of them."""

    size: int
    first_s: float
    last_s: float


def _is_active(pid: int) -> bool:
    """Whether a thread of a process runs, or waits for a processor or a disk: silence may mean that it got no turn."""
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            if stat.read_text().rpartition(") ")[2][:1] in "RD":
                return True
    return False


class Terminal:
    """A program in a terminal of its own, which is its controlling one; `with` ends what is left of it."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        size: tuple[int, int] = (140, 40),
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._master, slave = os.openpty()
        self.size = size
        termios.tcsetwinsize(slave, (size[1], size[0]))
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=slave, stdout=slave, stderr=slave, cwd=folder,
            env={**_environment(), **(environment or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        self._slave = slave
        self._lock = threading.Lock()
        self._received = bytearray()
        self._arrivals: list[tuple[int, float]] = []
        """How much had come, and when."""
        self._drawn = 0
        self.last_byte = self.started
        """When the last byte came (time.monotonic)."""
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the program and everything else in the terminal."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGHUP)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._closing.set()
        self._reader.join(5)
        os.close(self._slave)
        os.close(self._master)

    def _read(self) -> None:
        while not self._closing.is_set():
            if not select.select([self._master], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:
                return
            with self._lock:
                self._received += data
                self.last_byte = time.monotonic()
                self._arrivals.append((len(self._received), self.last_byte))
            if SYNC_QUESTION in data:
                os.write(self._master, SYNC_ANSWER)

    @property
    def count(self) -> int:
        """Bytes that have come so far."""
        with self._lock:
            return len(self._received)

    def since(self, count: int) -> bytes:
        """The bytes after the first `count`."""
        with self._lock:
            return bytes(self._received[count:])

    def press(self, *keys: str) -> None:
        """Press keys, by Textual's names."""
        for key in keys:
            os.write(self._master, KEYS.get(key, key).encode())
            if key == "escape":  # what follows at once would be taken for a key with alt
                self.settle(ESCAPE_S)

    def type(self, text: str) -> None:
        """Type a text."""
        os.write(self._master, text.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size and tell the programs in it."""
        self._draw()
        self.size = (columns, lines)
        self._screen.resize(lines, columns)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _draw(self) -> None:
        data = self.since(self._drawn)
        self._drawn += len(data)
        data = _OTHER_SCREEN.sub(b"\x1b[H\x1b[2J", data)
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", data))

    @property
    def text(self) -> str:
        """What is on the screen."""
        self._draw()
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def grid(self) -> Grid:
        """Every cell of the screen; of a blank only what can be seen of it."""
        self._draw()
        buffer = self._screen.buffer
        return [[_cell(buffer[y][x]) for x in range(self._screen.columns)] for y in range(self._screen.lines)]

    def line(self, text: str) -> str:
        """The first line of the screen that contains a text."""
        return next((line for line in self.text.splitlines() if text in line), "")

    def until(self, condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"did not come true; on screen:\n{self.text}")
            time.sleep(0.005)

    def sees(self, *texts: str, limit_s: float = LIMIT_S) -> None:
        """Wait until all these texts are on the screen."""
        self.until(lambda: all(text in self.text for text in texts), limit_s)

    def settle(self, quiet_s: float = QUIET_S, limit_s: float = LIMIT_S) -> None:
        """Wait until nothing has come for a while in which no process of the test had anything to do."""
        processes = psutil.Process().children(recursive=True)
        active = time.monotonic()

        def quiet() -> bool:
            nonlocal active
            if any(_is_active(process.pid) for process in processes):
                active = time.monotonic()
            return time.monotonic() - max(self.last_byte, active) > quiet_s

        self.until(quiet, limit_s)

    def cost(self, act: Callable[[], object]) -> Cost:
        """Do something, and wait until nothing comes of it any more."""
        self.settle()
        before, started = self.count, time.monotonic()
        act()
        self.until(lambda: self.count > before)
        self.settle()
        with self._lock:
            first = next(moment for count, moment in self._arrivals if count > before)
        return Cost(self.count - before, first - started, self.last_byte - started)

    def modes(self) -> list[object]:
        """The settings of the line, as `stty -a` shows them."""
        return list(termios.tcgetattr(self._slave))
