"""What a terminal gets: a progress line, boxed tables, questions."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

import pytest

from tests.cli.torc_command import Torc
from tests.runner.waiting import until

DEADLINE_S = 30.0

CHAIN = """
name: NAME
jobs:
  - {name: first, command: "COMMAND"}
  - {name: second, command: "true", depends_on: [first]}
"""


class Terminal:
    """A `torc` command on a terminal of its own, 100 columns wide."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "torc_core.cli.main", *map(str, arguments)]
        environment = {**os.environ, "TERM": "xterm", "LANG": "C.UTF-8"}
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            os.execve(command[0], command, environment)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.shown = ""

    def until(self, text: str) -> None:
        """Read until `text` was shown."""
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.shown:
            assert self._read(deadline), f"{text!r} is not in {self.shown!r}"

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def hang_up(self) -> int:
        """Close the window; the exit code of the command."""
        os.close(self._master)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def end(self) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + DEADLINE_S
        while self._read(deadline):
            continue
        os.close(self._master)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _read(self, deadline: float) -> bool:
        assert select.select([self._master], [], [], max(deadline - time.monotonic(), 0))[0], self.shown
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            return False
        self.shown += data.decode()
        return bool(data)


def test_a_run_repaints_one_line_and_leaves_it_clean(torc: Torc) -> None:
    command = "until test -e go; do sleep 0.01; done"
    terminal = Terminal("run", torc.write(CHAIN.replace("NAME", "seen").replace("COMMAND", command)))
    terminal.until("0/2")
    terminal.until("1 running, 1 blocked")
    (torc.folder / "go").touch()
    assert terminal.end() == 0
    before, _, after = terminal.shown.rpartition("\r\x1b[K")
    assert "\r\x1b[K" not in after
    assert after.startswith("Workflow ")
    assert "\n" not in before.partition("created: 2 jobs\r\n")[2]


def test_the_line_tells_how_fast_it_goes_and_how_long_it_will_take(torc: Torc) -> None:
    waits = "until test -e {}; do sleep 0.01; done"
    jobs = [f"  - {{name: {name}, command: {waits.format(name)!r}}}\n" for name in ("a", "b", "c")]
    terminal = Terminal("run", torc.write("name: paced\njobs:\n" + "".join(jobs)), "--max-parallel-jobs", 3)
    terminal.until("0/3  3 running\x1b")
    (torc.folder / "a").touch()
    terminal.until(" left\x1b")
    assert re.search(r" 1/3  1 completed, 2 running  \d+(\.\d)?/(s|min), about \d[^\x1b]* left\x1b", terminal.shown)
    for name in ("b", "c"):
        (torc.folder / name).touch()
    assert terminal.end() == 0


def test_ctrl_c_on_the_terminal_stops_the_run(torc: Torc) -> None:
    command = "touch began; exec sleep 60"
    terminal = Terminal("run", torc.write(CHAIN.replace("NAME", "stopped").replace("COMMAND", command)))
    terminal.until("1 running")
    terminal.type("\x03")
    terminal.until("torc: stopping")
    assert terminal.end() == 130
    assert " was stopped after " in terminal.shown


def test_a_closed_window_stops_the_run_and_gives_its_jobs_their_time(torc: Torc) -> None:
    command = "trap 'sleep 0.3; touch saved; exit 4' TERM; touch began; while :; do sleep 0.01; done"
    terminal = Terminal("run", torc.write(CHAIN.replace("NAME", "closed").replace("COMMAND", command)))
    terminal.until("1 running")
    until((torc.folder / "began").exists, "the job's start")
    assert terminal.hang_up() == 130
    assert (torc.folder / "saved").exists()
    (result,) = torc("results", "list", "closed", "-f", "json").json["results"]
    assert (result["status"], result["return_code"]) == ("terminated", 4)


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 0), ("n", 1, 1)])
def test_deleting_asks_and_does_what_is_answered(torc: Torc, answer: str, code: int, left: int) -> None:
    number = torc.create(CHAIN.replace("NAME", f"asked-{answer}"))
    terminal = Terminal("workflows", "delete", number)
    terminal.until(f"Delete workflow {number} 'asked-{answer}' with 2 jobs? [y/N]")
    terminal.type(f"{answer}\n")
    assert terminal.end() == code
    listed = torc("workflows", "list", "-f", "json").json["workflows"]
    assert len([one for one in listed if one["id"] == number]) == left


def test_tables_are_boxed_and_nothing_is_cut_off(torc: Torc) -> None:
    number = torc.create(CHAIN.replace("NAME", "boxed").replace("COMMAND", "echo " + "long " * 40))
    terminal = Terminal("jobs", "list", number)
    assert terminal.end() == 0
    assert "╭" in terminal.shown
    assert terminal.shown.count("long") == 40
    widths = {len(line) for line in terminal.shown.splitlines() if line.startswith(("╭", "╰"))}
    assert max(widths) <= 100


def test_without_a_workflow_one_can_choose(torc: Torc) -> None:
    number = torc.create(CHAIN.replace("NAME", "chosen"))
    terminal = Terminal("workflows", "get")
    terminal.until(f"Workflow [{number}]:")
    terminal.type("\n")
    assert terminal.end() == 0
    assert "chosen" in terminal.shown.partition("]:")[2]
