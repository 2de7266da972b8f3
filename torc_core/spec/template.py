"""Texts with placeholders: `{name}`, or `{name:spec}` with a format specifier of Python (spec.md 5.1).

Only names that are known are placeholders, so the braces of shell, awk and Jinja stay; `${name}` is a variable of the
shell, and `{{name}}` stands for `{name}` itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from torc_core.spec.parameters import Value, value_text

Row = tuple[str, ...]
"""The texts of all columns in one combination."""

_TOKEN = re.compile(r"(?<![${])\{([A-Za-z_][A-Za-z0-9_]*)(?::[^{}]*)?\}(?!\})")


class Field(NamedTuple):
    """A placeholder."""

    name: str
    spec: str


Part = str | Field


@lru_cache(maxsize=64)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"\{{\{{((?:{either})(?::[^{{}}]*)?)\}}\}}|(?<!\$)\{{({either})(?::([^{{}}]*))?\}}")


def parse(text: str, names: Collection[str]) -> list[Part] | None:
    """The parts of a text, or None when it has neither placeholders nor escaped ones."""
    if "{" not in text or not names:
        return None
    parts: list[Part] = []
    done = 0
    for match in _pattern(tuple(names)).finditer(text):
        parts.append(text[done : match.start()])
        parts.append("{" + match[1] + "}" if match[1] else Field(match[2], match[3] or ""))
        done = match.end()
    return [*parts, text[done:]] if done else None


def unknown_names(text: str, names: Collection[str]) -> Iterator[str]:
    """Names in braces that are not known, of which some may be misspelt."""
    for match in _TOKEN.finditer(text) if "{" in text else ():
        if match[1] not in names:
            yield match[1]


def shell_names(text: str, names: Collection[str]) -> list[str]:
    """Names of which only the shell's `${name}` occurs: probably the placeholder was meant."""
    return [name for name in names if f"${{{name}}}" in text]


def formatted(value: Value, spec: str) -> str:
    """The text of a value; ValueError when `spec` does not fit it."""
    return format(value, spec) if spec else value_text(value)


def renderer(parts: Sequence[str | int]) -> Callable[[Row], str]:
    """A function of a row that puts a text together: numbers are columns."""
    literals = [part for part in parts if isinstance(part, str) and part]
    columns = [part for part in parts if isinstance(part, int)]
    if not columns:
        constant = "".join(literals)
        return lambda _row: constant
    form = "".join(part.replace("%", "%%") if isinstance(part, str) else "%s" for part in parts)
    if len(columns) == 1:
        (column,) = columns
        return lambda row: form % (row[column],)
    return lambda row: form % tuple([row[column] for column in columns])
