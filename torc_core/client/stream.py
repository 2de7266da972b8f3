"""Server-sent events of the change log, as they are read off the wire."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec


class Change(NamedTuple):
    """One entry of the change log: `jobs` with a status and ids, `workflow`, …; `reset` when older ones are gone."""

    id: int | None
    event: str
    data: dict[str, Any]


class ChangeReader:
    """Makes changes of an event stream's lines, given one by one; comments (keep-alives) are passed over."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._id: int | None = None
        self._event = "message"
        self._data: list[str] = []

    def feed(self, line: str) -> Change | None:
        """The change that this line completes."""
        if not line:
            data = self._data
            change = Change(self._id, self._event, msgspec.json.decode("\n".join(data))) if data else None
            self._begin()
            return change
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and value.isdigit():
            self._id = int(value)
        return None


def parse_changes(lines: Iterable[str]) -> Iterator[Change]:
    """The changes in an event stream's lines."""
    reader = ChangeReader()
    for line in lines:
        if change := reader.feed(line):
            yield change


def concerns_job(change: Change, job_id: int) -> bool:
    """Whether a change is one of this job or of something whose status it shows."""
    if change.event == "jobs":
        return names_any(change, (job_id,))
    return change.event in ("job", "result") and change.data.get("id") in (job_id, None)


def names_any(change: Change, jobs: Collection[int]) -> bool:
    """Whether a change of jobs names one of these few; it packs ids as single ones and [first, last] ranges."""
    return any(
        part in jobs if isinstance(part, int) else any(part[0] <= job <= part[1] for job in jobs)
        for part in change.data.get("ids", [])
    )
