"""`python -m screenshots.make` in the clone: takes the pictures of this folder anew, from real runs in a terminal.

Needs the `test` extra, and `rsvg-convert` (librsvg) for the PNG beside each SVG.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.tui import stranger
from tests.tui.pictures import svg
from tests.tui.terminal import CONSOLE, Terminal

HERE = Path(__file__).resolve().parent

TORC = [sys.executable, "-m", "torc_core.cli.main"]

PREPROCESS = """\
name: preprocess
resource_requirements:
  - {name: small, num_cpus: 1, memory: 100m, runtime: PT1M}
jobs:
  - name: split_{i:02d}
    command: sleep 0.1
    parameters: {i: "1:24"}
    resource_requirements: small
"""

SWEEP = """\
name: sweep_lr
resource_requirements:
  - {name: small, num_cpus: 1, memory: 60m, runtime: PT1M}
jobs:
  - name: train_{i:02d}
    command: python3 ../train.py {i}
    parameters: {i: "1:30"}
    resource_requirements: small
  - name: choose_best
    command: sort -n loss_*.txt | head -1
    depends_on_regexes: ["^train_"]
    resource_requirements: small
"""

ENSEMBLE = """\
name: ensemble_2026
resource_requirements:
  - {name: member, num_cpus: 1, memory: 200m, runtime: PT10M}
files:
  - {name: "state_{i:03d}", path: "state_{i:03d}.nc", parameters: {i: "1:60"}}
jobs:
  - name: member_{i:03d}
    command: python3 ../member.py {i}
    output_files: ["state_{i:03d}"]
    parameters: {i: "1:60"}
    resource_requirements: member
  - name: mean_of_all
    command: echo mean
    input_file_regexes: ["^state_"]
    resource_requirements: member
"""

# The programs of these two workflows take their time, as real ones do: the pictures show them at work.
TRAIN = """\
import sys, time
number = int(sys.argv[1])
time.sleep(0.15)  # training that is short, but not over before it is seen
if number % 7 == 3:
    held = bytearray(120 << 20)
    time.sleep(3)  # the memory stays in use for as long as the runner needs to see it
if number % 11 == 4:
    print("step 40  loss 0.2731", file=sys.stderr)
    print("step 41  loss nan", file=sys.stderr)
    sys.exit("ValueError: the loss is no number any more, see --lr")
"""

MEMBER = """\
import math, sys, time
number, held = int(sys.argv[1]), []
steps = 80 if number > 8 else 14
for step in range(steps):
    held.append(bytearray(int((1.4 + 1.3 * math.sin(step / 5 + number)) * (1 << 20))))
    print(f"step {step:3d} of {steps}  energy {1000 - step * 7.31:9.3f}  drift {math.sin(step) / 1e4:+.2e}", flush=True)
    until = time.monotonic() + 0.06
    while time.monotonic() < until:
        pass
    time.sleep(0.06)  # half of each step is no work: the CPU curve stands at 50 %
open(f"state_{number:03d}.nc", "w").write("state")
"""


def take(terminal: Terminal, name: str, zoom: float = 1.5) -> None:
    """Write what is on the screen as NAME.svg and NAME.png."""
    path = HERE / f"{name}.svg"
    path.write_text(svg(terminal.grid))
    subprocess.run(["rsvg-convert", "--zoom", str(zoom), "-o", str(path.with_suffix(".png")), str(path)], check=True)
    print(path.name)


@contextmanager
def home() -> Iterator[Path]:
    """A user who has nothing yet; afterwards their server is stopped."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.update(
            XDG_STATE_HOME=f"{scratch}/state", XDG_CONFIG_HOME=f"{scratch}/config", LC_ALL="C.UTF-8", HOME=scratch
        )
        try:
            yield Path(scratch)
        finally:
            subprocess.run([*TORC, "server", "stop"], check=False, capture_output=True)


def stranger_tour(size: tuple[int, int], suffix: str) -> None:
    """The way of `tests/tui/stranger.py`, step by step."""
    with home() as scratch:
        folder = scratch / "survey"
        folder.mkdir()
        stranger.prepare(folder, seconds=0.4)
        number = 0

        def shot(name: str, _: str) -> None:
            nonlocal number
            number += 1
            if name != "running":
                terminal.settle(0.3)
            take(terminal, f"stranger{suffix}-{number:02d}-{name}", zoom=1)

        with stranger.open_console(folder, size) as terminal:
            stranger.go(terminal, shot)


def show() -> None:
    """A morning's work: one workflow done, one with failures, one that runs."""
    with home() as scratch:
        (scratch / "train.py").write_text(TRAIN)
        (scratch / "member.py").write_text(MEMBER)
        for name, text in (("preprocess", PREPROCESS), ("sweep", SWEEP), ("ensemble", ENSEMBLE)):
            (scratch / name).mkdir()
            (scratch / name / f"{name}.yaml").write_text(text)
            command = [*TORC, "run", f"{name}.yaml"]
            if name != "ensemble":
                subprocess.run(command, cwd=scratch / name, check=False, capture_output=True)
        with subprocess.Popen(
            command, cwd=scratch / "ensemble", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as run:
            try:
                with Terminal(CONSOLE, size=(140, 40), folder=scratch) as terminal:
                    _pictures(terminal)
            finally:
                run.terminate()


def _cursor_row(terminal: Terminal) -> str:
    return next((line for line in terminal.text.splitlines() if line.startswith("▌ ")), "")


def _has_moved(terminal: Terminal, row: str) -> bool:
    return _cursor_row(terminal) != row


def _pictures(terminal: Terminal) -> None:
    terminal.sees("LIVE", "ensemble_2026", "over memory", limit_s=60)
    terminal.until(lambda: " 1" in terminal.line("ensemble_2026"), 60)
    terminal.until(lambda: re.search(r"[MG]B / ", terminal.text), 60)  # of a runner: what its jobs use is known
    take(terminal, "pulse")
    terminal.press("enter")
    terminal.until(lambda: terminal.text.count("✔ completed") >= 8, 60)
    while "● running" not in (row := _cursor_row(terminal)):
        terminal.press("down")
        terminal.until(partial(_has_moved, terminal, row))
    name = row.split()[2]
    terminal.until(lambda: re.search(f"{name} .*memory .*MB", terminal.line("python3 ../member.py")), 30)
    take(terminal, "workflow")
    terminal.press("p")
    terminal.sees("memory")
    terminal.until(lambda: re.search(r"(?:[6-9]\.\d|1\d) s after the start", terminal.text), 30)
    take(terminal, "plot")
    terminal.press("escape")
    terminal.press("l")
    terminal.until(lambda: terminal.text.count("energy") > 6, 30)
    take(terminal, "log")
    terminal.press("escape", "!")
    terminal.sees("CAUSE", "over memory", "ValueError")
    terminal.press("down", "right")
    terminal.sees("▾")
    terminal.settle(0.3)
    take(terminal, "failures")
    terminal.press("up", "R")
    terminal.sees("Retry")
    terminal.settle(0.3)
    take(terminal, "retry")
    terminal.press("escape", "escape")
    terminal.type(":new sweep/sweep.yaml\r")
    terminal.sees("✔ sweep_lr")
    terminal.settle(0.3)
    take(terminal, "create")


def main() -> None:
    for name in [*os.environ]:
        if name.startswith(("TORC_", "TEXTUAL")) or name in ("NO_COLOR", "SSH_TTY", "TMUX"):
            del os.environ[name]
    chosen = sys.argv[1:] or ["show", "stranger"]
    if "show" in chosen:
        show()
    if "stranger" in chosen:
        stranger_tour((140, 40), "")
        stranger_tour((80, 24), "-80x24")


if __name__ == "__main__":
    main()
