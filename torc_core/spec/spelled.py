"""Sizes and lengths of time as people write them, in the spelling that torc reads: what a message suggests."""

from __future__ import annotations

import re
from collections.abc import Callable

from torc_core.units import UnitError, format_duration, format_memory, parse_duration, parse_memory

_NUMBER_AND_WORD = re.compile(r"\s*([0-9]+(?:[.,][0-9]+)?)[\s_]*([a-z]*)\s*", re.IGNORECASE)
_CLOCK = re.compile(r"\s*(?:([0-9]{1,4})-)?([0-9]{1,4}):([0-5]?[0-9])(?::([0-5]?[0-9]))?\s*")
_LARGEST = 1e15

_SIZES = {
    "k": 1024, "kb": 1024, "kib": 1024,
    "m": 1024**2, "mb": 1024**2, "mib": 1024**2, "meg": 1024**2, "megs": 1024**2, "megabyte": 1024**2,
    "megabytes": 1024**2,
    "g": 1024**3, "gb": 1024**3, "gib": 1024**3, "gig": 1024**3, "gigs": 1024**3, "gigabyte": 1024**3,
    "gigabytes": 1024**3,
    "t": 1024**4, "tb": 1024**4, "tib": 1024**4, "terabyte": 1024**4, "terabytes": 1024**4,
}  # fmt: skip

_TIMES = {
    "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600,
    "d": 86_400, "day": 86_400, "days": 86_400, "w": 604_800, "week": 604_800, "weeks": 604_800,
}  # fmt: skip


def memory_for(text: str) -> str | None:
    """The size that a text probably means: `4g` for `4 GB`, `1536m` for `1.5g`; None when that cannot be told."""
    found = _counted(text, _SIZES)
    if found is None:
        return None
    suggestion = format_memory(max(round(found), 1) if found < 1024 else round(found / 1024) * 1024)
    return _if_read(suggestion, parse_memory)


def duration_for(text: str) -> str | None:
    """The duration that a text probably means: `PT1H30M` for `1.5 hours` or `01:30:00`; None likewise."""
    clock = _CLOCK.fullmatch(text)
    if clock and (clock[1] or clock[4]):  # with two numbers alone minutes and hours cannot be told apart
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return format_duration(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    stripped = text.strip().upper()
    if _if_read(stripped, parse_duration):
        return stripped
    body = stripped.removeprefix("PT") if stripped.startswith("PT") else stripped
    found = _counted(body, _TIMES)
    return None if found is None else format_duration(round(found))


def _counted(text: str, units: dict[str, int]) -> float | None:
    """A number times the unit behind it."""
    match = _NUMBER_AND_WORD.fullmatch(text)
    factor = units.get(match[2].lower()) if match else None
    if match is None or factor is None:
        return None
    number = float(match[1].replace(",", ".")) * factor
    return number if 0 < number < _LARGEST else None


def _if_read(text: str, parse: Callable[[str], int]) -> str | None:
    try:
        parse(text)
    except UnitError:
        return None
    return text
