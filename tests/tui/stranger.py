"""What somebody does who has read the README only: create, run, find the failing job, read why, mend it, go on.

Without leaving the console. Keys are typed into a real terminal; what is waited for is on its screen.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.tui.terminal import CONSOLE, Terminal

COLLECTED = 14

WORKFLOW = f"""\
name: survey
resource_requirements:
  - {{name: small, num_cpus: 1, memory: 200m, runtime: PT5M}}
files:
  - {{name: script, path: summarize.sh}}
  - {{name: summary, path: summary.txt}}
jobs:
  - name: collect_{{i}}
    command: echo "station {{i}}" >> stations.txt; sleep SECONDS
    parameters: {{i: "1:{COLLECTED}"}}
    resource_requirements: small
  - name: summarize
    command: bash summarize.sh
    input_files: [script]
    output_files: [summary]
    depends_on_regexes: ["^collect_"]
    resource_requirements: small
  - name: report
    command: cat summary.txt
    input_files: [summary]
    resource_requirements: small
"""

SCRIPT = """\
set -e
echo "counting the stations"
wc -l < statoins.txt > summary.txt
"""

EDITOR = "sed -i s/statoins/stations/"
"""Stands for the user in an editor."""

Shot = Callable[[str, str], None]
"""Takes a picture: its name, and what is seen on it."""


def prepare(folder: Path, seconds: float = 0.05) -> None:
    """What the stranger has: a workflow file and a script with a slip in it. Each station takes some seconds."""
    (folder / "survey.yaml").write_text(WORKFLOW.replace("SECONDS", str(seconds)))
    (folder / "summarize.sh").write_text(SCRIPT)


def open_console(folder: Path, size: tuple[int, int]) -> Terminal:
    """`torc tui` in the stranger's folder."""
    return Terminal(CONSOLE, size=size, folder=folder, environment={"EDITOR": EDITOR})


def go(terminal: Terminal, shot: Shot) -> None:
    """The whole way, from the first screen to the last job completed."""
    terminal.sees("LIVE", "No workflows yet")
    shot("home", "The first start: what to do next")
    terminal.press("n")
    terminal.sees("Type the path")
    terminal.type("survey.yaml")
    terminal.press("enter")
    terminal.sees(f"{COLLECTED + 2} jobs", "ctrl+r")
    shot("create", "A workflow file, and what torc understands of it while it is written")
    terminal.press("ctrl+r")
    terminal.until(lambda: terminal.text.count("✔ completed") >= 6)
    shot("running", "A workflow at work")
    terminal.until(lambda: "✖ failed" in terminal.line(" summarize") and "⊘ canceled" in terminal.line(" report"))
    terminal.press("!")
    terminal.sees("CAUSE", "summarize", "statoins.txt")
    shot("failures", "What failed, by cause")
    terminal.press("enter")
    terminal.sees("▾ exit code 1")
    terminal.press("down", "enter")
    terminal.sees("WHAT", "bash summarize.sh")
    shot("inspector", "A failed job: why, when, where, what it needed and what waits for it")
    terminal.press("l")
    terminal.sees("statoins.txt: No such file", "summarize.e")
    shot("log", "Its stderr, wherever it is")
    terminal.press("escape")
    terminal.sees("WHAT")
    terminal.press("f")
    terminal.sees("summarize.sh")
    shot("files", "The files of a job, to mend one in the editor")
    terminal.press("enter")
    terminal.sees("summarize.sh is changed")
    shot("mended", "The script is mended")
    terminal.press("escape")
    terminal.sees("CAUSE", "▾ exit code 1")
    terminal.press("up")
    terminal.press("R")
    terminal.sees("Retry")
    shot("retry", "What a retry would do, before it does it")
    terminal.press("tab", "enter")
    terminal.sees("runs again")
    terminal.press("escape")
    terminal.sees("Jobs", "Requirements")
    terminal.until(lambda: "✔ completed" in terminal.line(" report"))
    shot("done", "Only what failed ran again, and what waited for it")
