"""What somebody meant who mistyped a word: the nearest of what there is."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click


def nearest_hint(word: str, choices: Iterable[str]) -> str:
    """`; nearest: 'jobs'`, or nothing when none is near."""
    near = nearest(word, choices)
    return f"; nearest: {near!r}" if near is not None else ""


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that is most like a word, whatever its case; None when none is near."""
    by_case = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(word.lower(), by_case, 1)
    return by_case[found[0]] if found else None


def nearest_file(path: str) -> str | None:
    """An existing path that differs from one that does not exist in one name only."""
    wanted = Path(path)
    parent = wanted.parent
    if not parent.is_dir():
        near = nearest_file(str(parent)) if parent != wanted else None
        candidate = Path(near, wanted.name) if near else None
        return str(candidate) if candidate and candidate.exists() else None
    try:
        near = nearest(wanted.name, (entry.name for entry in parent.iterdir()))
    except OSError:
        return None
    return str(parent / near) if near else None


def one_of(words: Sequence[str]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """A callback for an option that takes one of some words; a mistyped one is answered with the nearest."""

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is None or value.lower() in words:
            return value and value.lower()
        message = f"{value!r} is none of {', '.join(words)}{nearest_hint(value, words)}"
        raise click.BadParameter(message, ctx, param)

    return check
