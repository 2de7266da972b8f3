"""Regular expressions of workflow files: torc's are those of Rust, ours take these and those of Python (spec.md 8).

The regex package reads nearly all of both: `\\pL`, `(?<name>...)`, `[[:alpha:]]`, `[a-z&&[^x]]` and flags in the middle
of a pattern, as well as look-around and back-references. What it spells otherwise is translated here.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import regex

MOST_REPEATS = 100_000
"""So many times a part may be repeated, counts of groups multiplied: each time takes memory, in Rust's package, too."""

_OTHERWISE = {r"\z": r"\Z", r"\<": r"\m", r"\b{start}": r"\m", r"\>": r"\M", r"\b{end}": r"\M"}
"""Rust's spellings of ends of texts and words -> those of the package."""

_TOKEN = regex.compile(
    r"""
    \\[xuU]\{(?P<code>[0-9A-Fa-f]{1,8})\}   # a character by its number
    | \\b\{(?:start|end)\} | \\[pPN]\{[^}]*\} | \\.
    | (?P<literal>\{(?!\d+(?:,\d*)?\}|,\d+\}))   # no repetition; regex would take {e} for a fuzzy match
    | (?P<recursion>\(\?(?:R|&|P>|[+-]?\d))   # one without end takes all memory
    """,
    regex.VERBOSE | regex.DOTALL,
)

_TIMES = regex.compile(r"(?P<of_group>(?<=\)))?\{(?P<least>\d+)(?:,\d*)?\}")


def searcher(pattern: str) -> Callable[[str], object]:
    """A function that is true of texts in which the pattern is found anywhere; ValueError when it is no pattern."""
    _check_repeats(pattern)
    try:
        return regex.compile(_TOKEN.sub(_translated, pattern), regex.VERSION1).search
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise ValueError(str(error)) from None


def _check_repeats(pattern: str) -> None:
    single, of_groups = [1], [1]
    for match in _TIMES.finditer(pattern):
        (single if match["of_group"] is None else of_groups).append(int(match["least"]))
    if max(single) * math.prod(of_groups) > MOST_REPEATS:
        raise ValueError(f"a part may be repeated {MOST_REPEATS:,} times at most")


def _translated(match: regex.Match[str]) -> str:
    if match["recursion"]:
        raise ValueError(f"{match[0]}...) calls a part of the pattern, which is not supported")
    if match["literal"]:
        return r"\{"
    if match["code"]:
        return rf"\U{match['code']:0>8}"
    return _OTHERWISE.get(match[0], match[0])
