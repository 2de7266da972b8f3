"""Memory sizes, ISO 8601 durations and Slurm walltimes: the one place that reads and writes them.

Every parser returns a whole number (bytes or seconds) and raises UnitError; every formatter writes a text that its
parser reads back to exactly the same number.
"""

from __future__ import annotations

import re

from torc_core.errors import InputError

MAX_INTEGER = 2**63 - 1
"""Largest size or length: what a column of the database holds."""

_MEMORY_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY
_YEAR = 31_557_600
_MONTH = 2_629_800
_DURATION = re.compile(
    r"P(?:([0-9]{1,19})Y)?(?:([0-9]{1,19})M)?(?:([0-9]{1,19})W)?(?:([0-9]{1,19})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,19})H)?(?:([0-9]{1,19})M)?(?:([0-9]{1,19})(?:[.,][0-9]+)?S)?)?"
)
_DURATION_FACTORS = (_YEAR, _MONTH, _WEEK, _DAY, _HOUR, _MINUTE, 1)

_WALLTIME = re.compile(r"(?:([0-9]{1,9})-)?([0-9]{1,9})(?::([0-9]{1,9}))?(?::([0-9]{1,9}))?")
_UNLIMITED = frozenset({"-1", "infinite", "unlimited"})

MEMORY_FORM = "a whole number and k, m, g or t, such as 512m or 8g"
DURATION_FORM = "an ISO 8601 duration such as PT30M, PT4H or P1DT12H"
WALLTIME_FORM = (
    "MINUTES, MINUTES:SECONDS, HOURS:MINUTES:SECONDS or DAYS-HOURS[:MINUTES[:SECONDS]], such as 04:00:00, or UNLIMITED"
)


class UnitError(InputError, ValueError):
    """A text that is no size, duration or walltime.

    The message says what is wrong, in torc's own words (spec.md 14.3), because the server's answers end with it;
    `expected` says what to write instead.
    """

    def __init__(self, message: str, expected: str) -> None:
        super().__init__(message)
        self.expected = expected


def parse_memory(text: str) -> int:
    """Bytes of a size such as `512m`, `8G` or `1048576` (server.md 1.5).

    A whole number with at most one letter of k, m, g, t (any case, powers of 1024); blanks around it are ignored.
    UnitError for decimals, other units, negative numbers and more than 2**63 - 1 bytes.
    """
    trimmed = text.strip()
    if not trimmed:
        raise UnitError("Memory string cannot be empty", MEMORY_FORM)
    digits, factor = trimmed, 1
    if trimmed[-1].isalpha():
        digits, unit = trimmed[:-1], trimmed[-1]
        if unit.lower() not in _MEMORY_UNITS:
            raise UnitError(f"Invalid memory unit: {unit}", MEMORY_FORM)
        factor = _MEMORY_UNITS[unit.lower()]
    if not _WHOLE_NUMBER.fullmatch(digits) or abs(int(digits)) > MAX_INTEGER:
        raise UnitError(f"Invalid number in memory string: {digits}", MEMORY_FORM)
    size = int(digits) * factor
    if size < 0:
        raise UnitError("Memory size cannot be negative", MEMORY_FORM)
    if size > MAX_INTEGER:
        raise UnitError("Memory size too large, would cause overflow", MEMORY_FORM)
    return size


def format_memory(size: int) -> str:
    """The shortest exact text of `size` bytes: 8589934592 is `8g`, 1025 is `1025`."""
    _refuse_negative(size)
    for unit in ("t", "g", "m", "k"):
        count, rest = divmod(size, _MEMORY_UNITS[unit])
        if count and not rest:
            return f"{count}{unit}"
    return str(size)


def parse_duration(text: str) -> int:
    """Seconds of an ISO 8601 duration such as `PT1H30M` or `P2W` (server.md 1.5).

    A year is 31,557,600 s, a month 2,629,800 s. Only seconds may have a fraction, which is dropped. UnitError for
    everything else: signs, lower case, a number without its letter, an empty `PT`, text before or after.
    """
    trimmed = text.strip()
    if not trimmed:
        raise UnitError("Duration string cannot be empty", DURATION_FORM)
    match = _DURATION.fullmatch(trimmed)
    counts = match.groups() if match else ()
    total = sum(int(count) * factor for count, factor in zip(counts, _DURATION_FACTORS, strict=False) if count)
    if not any(counts) or total > MAX_INTEGER:
        raise UnitError(f"Invalid ISO 8601 duration format: Failed to parse duration: {text}", DURATION_FORM)
    return total


def format_duration(seconds: int) -> str:
    """The ISO 8601 duration of `seconds` in days, hours, minutes and seconds: 93784 is `P1DT2H3M4S`, 0 is `PT0S`."""
    _refuse_negative(seconds)
    days, hours, minutes, rest = _split(seconds)
    date = f"{days}D" if days else ""
    time = "".join(f"{count}{letter}" for count, letter in ((hours, "H"), (minutes, "M"), (rest, "S")) if count)
    if not date and not time:
        time = "0S"
    return f"P{date}" + (f"T{time}" if time else "")


def parse_walltime(text: str) -> int:
    """Seconds of a walltime as sbatch reads it.

    `M`, `M:S`, `H:M:S`, `D-H`, `D-H:M` or `D-H:M:S`. Walltimes are handed to sbatch as they are written, so a single
    number is minutes and two are minutes and seconds, here as there. `UNLIMITED`, `INFINITE` (in any case) and `-1` are
    MAX_INTEGER. UnitError for anything else.
    """
    trimmed = text.strip()
    if trimmed.lower() in _UNLIMITED:
        return MAX_INTEGER
    match = _WALLTIME.fullmatch(trimmed)
    if not match:
        raise UnitError(f"Invalid walltime: {text}", WALLTIME_FORM)
    days, first, second, third = match.groups(default="")
    if days or third:
        hours, minutes, seconds = first, second, third
    else:
        hours, minutes, seconds = "", first, second
    return int(days or 0) * _DAY + int(hours or 0) * _HOUR + int(minutes or 0) * _MINUTE + int(seconds or 0)


def format_walltime(seconds: int) -> str:
    """The walltime of `seconds`: `HH:MM:SS`, from one day on `D-HH:MM:SS`."""
    _refuse_negative(seconds)
    days, hours, minutes, rest = _split(seconds)
    clock = f"{hours:02d}:{minutes:02d}:{rest:02d}"
    return f"{days}-{clock}" if days else clock


def _split(seconds: int) -> tuple[int, int, int, int]:
    days, rest = divmod(seconds, _DAY)
    hours, rest = divmod(rest, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    return days, hours, minutes, rest


def _refuse_negative(number: int) -> None:
    if number < 0:
        raise ValueError(f"cannot write {number}: sizes and times are not negative")
