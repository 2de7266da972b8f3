"""Readers of single values: each checks type and range, notes mistakes with the way out, and coerces nothing.

A reader takes the source, the value (never null) and its path; it returns None when the value is of no use.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from torc_core.spec.document import Path, Source, path_text
from torc_core.spec.spelled import duration_for, memory_for
from torc_core.spec.suggest import Suggestions
from torc_core.units import MAX_INTEGER, UnitError, parse_duration, parse_memory, parse_walltime

Reader = Callable[[Source, Any, Path], Any]

MAX_DEPTH = 100
"""How deep free-form values (user data, Slurm defaults) may be nested."""


def label(path: Path) -> str:
    """The name of a value in a message: its path inside the job, file, ... that it belongs to, e.g. `env.HOME`."""
    return path_text(path[2:] if len(path) > 2 and isinstance(path[1], int) else path)


def describe(source: Source, value: Any, path: Path) -> str:
    """What a value is, as part of a sentence."""
    if isinstance(value, bool):
        return source.document.written(path, value)
    if isinstance(value, int | float):
        return f"the number {source.document.written(path, value)}"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if value is None:
        return "null"
    return "a list" if isinstance(value, list) else "a mapping"


def quoted(text: str) -> str:
    """A text in double quotes on one line, shortened to 60 characters."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    return json.dumps(shown, ensure_ascii=False)


def text(source: Source, value: Any, path: Path) -> str | None:
    """Any text without NUL characters and lone surrogates."""
    if not isinstance(value, str):
        message = f"{label(path)} must be text, not {describe(source, value, path)}"
        if isinstance(value, bool | int | float):
            message += f'; quote it: "{source.document.written(path, value)}"'
        source.error(path, message)
        return None
    fault = _character_fault(value)
    if fault:
        source.error(path, f"{label(path)} contains {fault}")
        return None
    return value


def _character_fault(value: str) -> str | None:
    if "\0" in value:
        return "a NUL character, which no command, path or variable can hold"
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return "half of a surrogate pair, which is no character"
    return None


def filled_text(source: Source, value: Any, path: Path) -> str | None:
    """A text that is not blank."""
    found = text(source, value, path)
    if found is not None and not found.strip():
        hint = "; write true for a job that does nothing" if path[-1] == "command" else ""
        source.error(path, f"{label(path)} is empty{hint}")
        return None
    return found


def name(source: Source, value: Any, path: Path) -> str | None:
    """A name: not blank, on one line."""
    found = filled_text(source, value, path)
    if found is not None and any(character < " " or character == "\x7f" for character in found):
        source.error(path, f"{label(path)} {quoted(found)} contains a line break or control character")
        return None
    return found


def flag(source: Source, value: Any, path: Path) -> bool | None:
    """true or false."""
    if isinstance(value, bool):
        return value
    source.error(path, f"{label(path)} must be true or false, not {describe(source, value, path)}")
    return None


def whole(minimum: int, maximum: int = MAX_INTEGER) -> Reader:
    """A reader of whole numbers in a range, both ends included."""

    def read(source: Source, value: Any, path: Path) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int):
            message = f"{label(path)} must be a whole number, not {describe(source, value, path)}"
            if isinstance(value, str) and value.isdecimal():
                message += "; write it without quotes"
            source.error(path, message)
            return None
        if not minimum <= value <= maximum:
            bound = f"at least {minimum}" if value < minimum else f"at most {maximum}"
            source.error(path, f"{label(path)} must be {bound}, not {value}")
            return None
        return value

    return read


def choice(*options: str, otherwise: str | None = None) -> Reader:
    """A reader of one word out of a few. With `otherwise`, which says what becomes of it, another word is ignored.

    Unless it is near one of them: then it is misspelt.
    """

    def read(source: Source, value: Any, path: Path) -> str | None:
        found = text(source, value, path)
        if found is None or found in options:
            return found
        near = Suggestions().nearest(found, options)
        if otherwise and not near:
            source.ignored(path, f"{label(path)} {quoted(found)} is none of {', '.join(options)}; {otherwise}")
        else:
            source.error(path, f"{label(path)} must be one of {', '.join(options)}, not {quoted(found)}{near}")
        return None

    return read


def memory(source: Source, value: Any, path: Path) -> str | None:
    """A size in the grammar of units.parse_memory."""
    return _measure(source, value, path, parse_memory, memory_for, {"m": "megabytes", "g": "gigabytes"})


def duration(source: Source, value: Any, path: Path) -> str | None:
    """A length of time in the grammar of units.parse_duration."""
    return _measure(source, value, path, parse_duration, duration_for, {"m": "minutes", "h": "hours"})


def walltime(source: Source, value: Any, path: Path) -> str | None:
    """A length of time in the grammar of units.parse_walltime."""
    return _measure(source, value, path, parse_walltime, lambda _text: None, {})


def _measure(
    source: Source,
    value: Any,
    path: Path,
    parse: Callable[[str], int],
    meant: Callable[[str], str | None],
    units: Mapping[str, str],
) -> str | None:
    """A text that `parse` reads; a message says what was `meant`, of a number alone with each of the `units`."""
    if units and isinstance(value, int | float) and not isinstance(value, bool):
        written = source.document.written(path, value)
        options = [f"{likely} for {unit}" for letter, unit in units.items() if (likely := meant(written + letter))]
        hint = f"; write {', '.join(options)}" if options else ""
        source.error(path, f"{label(path)} {written} has no unit{hint}")
        return None
    found = text(source, value, path)
    if found is None:
        return None
    try:
        parse(found)
    except UnitError as error:
        suggestion = meant(found)
        countless = not any(character.isdigit() for character in found)  # torc's words would name a part of it: `s`
        fault = " is not a form that torc reads" if suggestion or countless else f": {error}"
        source.error(path, f"{label(path)} {quoted(found)}{fault}; write {suggestion or error.expected}")
        return None
    return found


def names(source: Source, value: Any, path: Path) -> list[str] | None:
    """A list of names; one given twice counts once."""
    if not isinstance(value, list):
        message = f"{label(path)} must be a list, not {describe(source, value, path)}"
        if isinstance(value, str):
            message += f"; write [{value}]"
        source.error(path, message)
        return None
    found: dict[str, None] = {}
    for index, item in enumerate(value):
        read = text(source, item, (*path, index))
        if read is not None:
            found[read] = None
    return list(found)


def texts(item: Reader) -> Reader:
    """A reader of lists that keeps everything in its order, doubles too; `item` reads what is in them."""

    def read(source: Source, value: Any, path: Path) -> list[Any] | None:
        if not isinstance(value, list):
            source.error(path, f"{label(path)} must be a list, not {describe(source, value, path)}")
            return None
        found = [item(source, one, (*path, index)) for index, one in enumerate(value)]
        return [one for one in found if one is not None]

    return read


def environment(source: Source, value: Any, path: Path) -> dict[str, str] | None:
    """Variables of a process: texts; numbers, true and false count as the text they are written with."""
    if not isinstance(value, dict):
        source.error(path, f"{label(path)} must be a mapping of names to texts, not {describe(source, value, path)}")
        return None
    found = {}
    for key, item in value.items():
        place = (*path, key)
        if not key or "=" in key or _character_fault(key):
            source.error(place, f"{quoted(key)} cannot be the name of a variable", key=True)
        elif isinstance(item, bool | int | float):
            found[key] = source.document.written(place, item)
        elif item is None:
            source.error(place, f'the variable {key} has no value; write "" for an empty one')
        else:
            read = text(source, item, place)
            if read is not None:
                found[key] = read
    return found


def free(source: Source, value: Any, path: Path) -> Any:
    """Any JSON value that the server can store; None after a mistake."""
    if len(path) > MAX_DEPTH:
        source.error(path[:4], f"{label(path[:4])} is nested deeper than {MAX_DEPTH} levels")
        return None
    if isinstance(value, dict):
        for key in value:
            _free_text(source, key, (*path, key))
        return {key: free(source, item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [free(source, item, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, str):
        _free_text(source, value, path)
    elif isinstance(value, float):
        if math.isinf(value):
            source.error(path, f"{label(path)} is too large for a number; quote it")
        return float(value)
    elif isinstance(value, int) and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        source.error(path, f"{label(path)} is too large for a 64-bit number; quote it")
    return value


def _free_text(source: Source, value: str, path: Path) -> None:
    fault = _character_fault(value.replace("\0", ""))
    if fault:
        source.error(path, f"{label(path)} contains {fault}")
