"""Numbers as people read them: sizes, durations, counts, clock times. An unknown or empty one is a dash."""

from __future__ import annotations

import re
from datetime import datetime

from torc_core.wording import size_text

NOTHING = "–"


def count(number: int) -> str:
    """With separators: 10,000."""
    return f"{number:,}"


def many(number: int, noun: str) -> str:
    """A count with its noun: `1 job`, `2 jobs`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def size(number: float | None) -> str:
    """Bytes as torc says them everywhere: `8.1 GB`, `512 MB`."""
    return NOTHING if number is None else size_text(number)


def duration(seconds: float | None) -> str:
    """Two units at most: `4 ms`, `0.41 s`, `41 s`, `4m02`, `2h05`, `3d04h`."""
    if seconds is None:
        return NOTHING
    seconds = max(seconds, 0)
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02d}"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02d}h"


def so_far(seconds: float | None) -> str:
    """How long something has been going on: in whole seconds, as it is looked at again after some."""
    return duration(seconds) if seconds is None or seconds >= 60 else f"{max(int(seconds), 0)} s"


def clock(ms: float | None, now: datetime) -> str:
    """The local time of milliseconds since 1970: `12:01:44` today, `Nov 24 12:01` this year, else `2025-11-24`."""
    if ms is None:
        return NOTHING
    then = datetime.fromtimestamp(ms / 1000)
    if then.date() == now.date():
        return then.strftime("%H:%M:%S")
    return then.strftime("%b %d %H:%M") if then.year == now.year else then.strftime("%Y-%m-%d")


def date_and_time(ms: float) -> str:
    """The whole local time of milliseconds since 1970: `2025-11-24 12:01:44`."""
    return datetime.fromtimestamp(ms / 1000).isoformat(" ", "seconds")


def clock_of_text(text: str | None, now: datetime) -> str:
    """The same of an ISO 8601 time."""
    if not text:
        return NOTHING
    try:
        return clock(datetime.fromisoformat(text).timestamp() * 1000, now)
    except ValueError:
        return text


_TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z")


def with_clocks(text: str, now: datetime) -> str:
    """What the server says, its times as the clock here shows them."""
    return _TIMES.sub(lambda found: clock_of_text(found[0], now), text)


def percent(number: float | None) -> str:
    """Percent of one core, as it is."""
    return NOTHING if number is None else f"{number:.0f} %"


def rate(per_second: float | None) -> str:
    """Jobs per second, minute or hour, whichever reads best: `41/s`, `12/min`."""
    if not per_second:
        return NOTHING
    for factor, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if per_second * factor >= 0.95:
            return f"{per_second * factor:.0f}/{unit}"
    return "<1/h"
