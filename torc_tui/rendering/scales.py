"""Round numbers for the axes of plots: times of the day, sizes in powers of 1024, percent."""

from __future__ import annotations

from datetime import datetime

from torc_tui.rendering import numbers

DAY_S = 86_400
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY_S)


def times(first_s: float, last_s: float, most: int) -> list[tuple[float, str]]:
    """At most `most` round local times in a range of seconds since 1970, with what the clock says then."""
    long = int(last_s - first_s) // max(most, 1) + 1
    step = next((step for step in STEPS_S if step >= long), -(-long // DAY_S) * DAY_S)
    offset = int(datetime.fromtimestamp(first_s).astimezone().utcoffset().total_seconds())  # type: ignore[union-attr]
    start = -(-(int(first_s) + offset) // step) * step - offset
    form = "%H:%M:%S" if step < 60 else "%b %d" if step >= DAY_S else "%H:%M"
    if step < DAY_S < last_s - first_s:
        form = "%d. %H:%M"
    found = [float(at) for at in range(start, int(last_s) + 1, step) if first_s <= at <= last_s]
    return [(at, datetime.fromtimestamp(at).strftime(form)) for at in found]


def round_steps(top: float, most: int) -> float:
    """The step 1, 2 or 5 times a power of ten that divides 0 to `top` into `most` parts at most."""
    power = 1.0
    while power * 10 <= top:
        power *= 10
    while power > top:
        power /= 10
    sizes = [power * factor for factor in (0.1, 0.2, 0.5, 1, 2, 5, 10)]
    return next((size for size in sizes if top / size <= most), power * 10)


def percents(top: float, most: int) -> list[tuple[float, str]]:
    """Round percentages from 0 to `top`."""
    step = max(round_steps(top, most), 1)
    return [(step * i, numbers.percent(step * i)) for i in range(int(top / step) + 1)]


def sizes(top: float, most: int) -> list[tuple[float, str]]:
    """Round numbers of bytes from 0 to `top`, in one unit."""
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    power = next((i for i in range(len(units)) if top < 1024 ** (i + 1)), len(units) - 1)
    unit, name = 1024.0**power, units[power]
    step = round_steps(top / unit, most)
    decimals = 0 if step >= 1 else 1 if step >= 0.1 else 2
    return [(step * i * unit, f"{step * i:.{decimals}f} {name}") for i in range(int(top / unit / step) + 1)]
