"""A dry run warns of what a run refuses: input files that are not there and that no job makes."""

from __future__ import annotations

from pathlib import Path

from tests.cli.torc_command import Torc

READING = """
name: reading
files: [{name: raw, path: raw.csv}, {name: made, path: made.csv}]
jobs:
  - {name: a, command: cp raw.csv made.csv, input_files: [raw], output_files: [made]}
  - {name: b, command: cat made.csv, input_files: [made]}
"""


def test_a_missing_input_is_a_warning_of_the_dry_run(torc: Torc) -> None:
    path = torc.write(READING)
    said = "input file 'raw.csv' does not exist and no job makes it; 'torc run' refuses that"
    shown = torc("workflows", "create", path, "--dry-run")
    assert shown.err == f"torc: warning: {path}: {said}\n"
    assert torc("workflows", "create", path, "--dry-run", "-f", "json").json["warnings"] == [f"{path}: {said}"]
    Path("raw.csv").touch()
    assert torc("workflows", "create", path, "--dry-run").err == ""
