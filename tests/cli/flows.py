"""Small workflows that several tests of the command line run."""

from __future__ import annotations

THREE = """
name: three
jobs:
  - {name: a, command: echo one > a.txt}
  - {name: b, command: cat a.txt > b.txt, depends_on: [a]}
  - {name: c, command: cat b.txt, depends_on: [b]}
"""

FAILING = """
name: failing
jobs:
  - {name: good, command: "true"}
  - {name: bad, command: "test -e repaired || { echo not yet repaired >&2; exit 3; }"}
  - {name: below, command: "true", depends_on: [bad]}
"""

SLEEPER = """
name: sleeper
jobs:
  - {name: long, command: "COMMAND"}
  - {name: after, command: "true", depends_on: [long]}
"""
