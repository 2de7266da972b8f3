"""What a changing action will do: shown with names and counts before it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from torc_core.run_records import LocalRun


@dataclass(frozen=True, slots=True)
class Started:
    """What came of an action that started a local run: it may end at once, which is then said, too."""

    said: str
    run: LocalRun


@dataclass(frozen=True, slots=True)
class Plan:
    """An action, planned. `apply` does it and gives the line that says what came of it, with a run that it started."""

    title: str
    """A question that names the thing: `Cancel workflow ensemble (812)?`"""
    lines: list[str]
    """What it does and what stays."""
    verb: str
    """On the button that does it: `Cancel it`."""
    apply: Callable[[], Awaitable[str | Started]]
    keep: str = "Keep"
    """On the button that does nothing, which has the focus."""
    confirm: bool = True
    """False: it is done without asking (one thing, nothing lost)."""
    danger: bool = True
    """It stops or forgets something: the dialog is red."""
    leads: bool = False
    """To another screen, when it is done: what is typed meanwhile is for that one."""
    type_this: str | None = None
    """What has to be typed first: a name or a number."""
    details: list[str] = field(default_factory=list)
    """Names of what is meant, when they are several."""
    details_total: int | None = None
    """How many there are, when `details` names only the first."""


TYPE_OVER = 25
"""Over so many objects the number has to be typed."""


def typed_count(count: int) -> str | None:
    """What has to be typed before so many objects are changed."""
    return str(count) if count > TYPE_OVER else None
