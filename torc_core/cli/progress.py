"""How a run shows where it stands: one line that is repainted on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections import deque
from typing import Protocol

import click

from torc_core.cli.output import counts_text, duration
from torc_core.models.progress import Summary
from torc_core.models.status import ENDED

REPAINT_S = 0.2
"""The line on a terminal is repainted this often at most."""

PLAIN_EVERY_S = 10.0
PLAIN_EVERY_SHARE = 0.1
"""A plain line comes after so long, or after this share of the jobs, whichever is first."""

RATE_WINDOW_S = 30.0
"""The rate is that of the last so many seconds."""

BAR_WIDTH = 20

ORDER = [
    *("completed", "failed", "terminated", "canceled", "pending_failed", "disabled"),
    *("running", "pending", "ready", "blocked", "uninitialized"),
]
"""How counts by status are listed."""


class Progress(Protocol):
    """Shows summaries as they come."""

    interval_s: float
    """How often it wants a summary at most."""

    def show(self, summary: Summary) -> None: ...

    def say(self, line: str) -> None:
        """A line beside the progress that stays."""

    def close(self) -> None:
        """Nothing more comes: leave the screen clean."""


def make_progress(quiet: bool) -> Progress:
    """The one that fits where stderr goes; `quiet` shows nothing but what is said."""
    if quiet:
        return QuietProgress()
    return LineProgress() if sys.stderr.isatty() else PlainProgress()


def ended(summary: Summary) -> int:
    """How many jobs have come to an end, good or bad."""
    return sum(summary.counts.get(status.label, 0) for status in ENDED)


def all_done(summary: Summary) -> bool:
    """Whether every job is completed, or is one that is not to run."""
    return sum(summary.counts.get(label, 0) for label in ("completed", "disabled")) == summary.total


def ordered_counts(summary: Summary) -> str:
    """`90 completed, 2 running, 8 blocked`: success first, then what ended otherwise, then what is to come."""
    return counts_text({label: summary.counts.get(label, 0) for label in ORDER})


class Rate:
    """Jobs ended per second, over the last while."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def add(self, moment: float, count: int) -> None:
        self._points.append((moment, count))
        while len(self._points) > 2 and self._points[1][0] < moment - RATE_WINDOW_S:
            self._points.popleft()

    @property
    def per_second(self) -> float | None:
        """None until there is something to tell from."""
        (start, first), (end, last) = self._points[0], self._points[-1]
        return (last - first) / (end - start) if last > first and end - start >= 0.5 else None


def _pace(summary: Summary, rate: Rate) -> str:
    per_second = rate.per_second
    if per_second is None:
        return ""
    speed = f"{per_second:.0f}/s" if per_second >= 10 else f"{per_second:.1f}/s"
    if per_second < 1:
        speed = f"{per_second * 60:.1f}/min"
    return f"{speed}, about {duration((summary.total - ended(summary)) / per_second)} left"


class LineProgress:
    """One line on a terminal."""

    interval_s = REPAINT_S

    def __init__(self) -> None:
        self._rate = Rate()
        self._shown = False

    def show(self, summary: Summary) -> None:
        done = ended(summary)
        self._rate.add(time.monotonic(), done)
        share = done / summary.total if summary.total else 1.0
        parts = [f"{share:4.0%}", f"{done}/{summary.total}", ordered_counts(summary), _pace(summary, self._rate)]
        line = "  ".join(part for part in parts if part)
        width = shutil.get_terminal_size().columns - 1
        if len(line) + BAR_WIDTH <= width:
            line = f"{'█' * round(share * BAR_WIDTH):░<{BAR_WIDTH}}{line}"
        sys.stderr.write(f"\r{line[:width]}\x1b[K")
        sys.stderr.flush()
        self._shown = True

    def say(self, line: str) -> None:
        self.close()
        click.echo(line, err=True)

    def close(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False


class PlainProgress:
    """Lines for a file or a pipe."""

    interval_s = 1.0

    def __init__(self) -> None:
        self._rate = Rate()
        self._last_time = time.monotonic()
        self._last_share = 0.0

    def show(self, summary: Summary) -> None:
        now, done = time.monotonic(), ended(summary)
        self._rate.add(now, done)
        share = done / summary.total if summary.total else 1.0
        if now - self._last_time < PLAIN_EVERY_S and share - self._last_share < PLAIN_EVERY_SHARE:
            return
        self._last_time, self._last_share = now, share
        pace = _pace(summary, self._rate)
        self.say(f"{done}/{summary.total} ended: {ordered_counts(summary)}" + (f"; {pace}" if pace else ""))

    def say(self, line: str) -> None:
        click.echo(line, err=True)

    def close(self) -> None:
        pass


class QuietProgress:
    """Shows no progress."""

    interval_s = 5.0

    def show(self, summary: Summary) -> None:
        pass

    def say(self, line: str) -> None:
        click.echo(line, err=True)

    def close(self) -> None:
        pass
