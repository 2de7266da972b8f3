"""JSON as in RFC 8259 (no comments, no NaN, no key twice), and JSON5, which adds what people write by hand."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import json5

from torc_core.spec.document import Path, Problem, UnreadableError
from torc_core.spec.json_places import JsonPlaces, Lines

_JSON5_FAULT = re.compile(r"<string>:([0-9]+) (.*) at column ([0-9]+)", re.DOTALL)
_JSON5_FRAMES = 50_000
"""The json5 parser takes about 20 Python frames a level of nesting."""


class WrittenFloat(float):
    """A number whose usual text differs from what the user wrote, such as 1.10."""

    text: str


def read_json(text: str, name: str) -> JsonDocument:
    """Read `text`; UnreadableError with line and column where it is no JSON."""
    if not text.strip():
        return JsonDocument(None, name, text)
    reading = _Reading(text, name)
    try:
        return reading.document(json.loads(text, **reading.hooks))
    except json.JSONDecodeError as error:
        where = f"{name}:{error.lineno}:{error.colno}"
        raise UnreadableError(Problem(f"no valid JSON: {error.msg}", where, (error.lineno, error.colno))) from error
    except ValueError as error:
        raise UnreadableError(Problem(f"no valid JSON: {error}", name)) from error


def read_json5(text: str, name: str) -> JsonDocument:
    """Read `text`; UnreadableError with line and column where it is no JSON5.

    Strict JSON is tried first: the json5 parser takes a thousand times as long.
    """
    if not text.strip():
        return JsonDocument(None, name, text)
    reading = _Reading(text, name)
    try:
        return reading.document(json.loads(text, **reading.hooks))
    except ValueError:
        reading = _Reading(text, name)
    frames = sys.getrecursionlimit()
    sys.setrecursionlimit(_JSON5_FRAMES)
    try:
        return reading.document(json5.loads(text, **reading.hooks))
    except ValueError as error:
        raise UnreadableError(_json5_problem(str(error), name)) from error
    finally:
        sys.setrecursionlimit(frames)


def _json5_problem(fault: str, name: str) -> Problem:
    match = _JSON5_FAULT.fullmatch(fault)
    if match is None:
        return Problem("no valid JSON5: there is no value in it", name)
    line, what, column = int(match[1]), match[2], int(match[3])
    what = what.replace('"\n"', "end of line").replace('"""', "a double quote")
    return Problem(f"no valid JSON5: {what}", f"{name}:{line}:{column}", (line, column))


class _Reading:
    """What is noticed while a parser reads."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._twice: list[tuple[dict[str, Any], str]] = []
        self.hooks: dict[str, Any] = {
            "object_pairs_hook": self._make_object,
            "parse_float": _float,
            "parse_constant": self._refuse,
        }

    def _make_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        data = dict(pairs)
        if len(data) != len(pairs):
            seen = set()
            for key, _ in pairs:
                if key in seen:
                    self._twice.append((data, key))
                seen.add(key)
        return data

    def _refuse(self, constant: str) -> None:
        place = re.search(rf"(?<![\w\"']){re.escape(constant)}\b", self._text)
        line, column = Lines(self._text).at(place.start() if place else 0)
        message = f"{constant} has no JSON form; write a number, a text or null"
        raise UnreadableError(Problem(message, f"{self._name}:{line}:{column}", (line, column)))

    def document(self, data: Any) -> JsonDocument:
        """The document of what the parser gave."""
        document = JsonDocument(data, self._name, self._text)
        for mapping, key in self._twice:
            path = next(path for path, value in _walk(data, ()) if value is mapping)
            document.errors.append(document.problem((*path, key), f'the key "{key}" is given twice', key=True))
        return document


def _float(text: str) -> float:
    value = WrittenFloat(text)
    if repr(float(value)) == text:
        return float(value)
    value.text = text
    return value


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*path, index))


class JsonDocument:
    """The data of a JSON or JSON5 text; places are line and column."""

    def __init__(self, data: Any, name: str, text: str) -> None:
        self.data = data
        self._name = name
        self._text = text
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    @cached_property
    def _places(self) -> JsonPlaces:
        return JsonPlaces(self._text)

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self._text)

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:
        if self.data is None:
            return Problem(message, self._name)
        line, column = self._lines.at(self._places.find(path, key=key))
        return Problem(message, f"{self._name}:{line}:{column}", (line, column))

    def place(self, path: Path) -> str:
        return f"line {self._lines.at(self._places.find(path))[0]}"

    def written(self, path: Path, value: Any) -> str:  # noqa: ARG002
        return value.text if isinstance(value, WrittenFloat) else json.dumps(value)
