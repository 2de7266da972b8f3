"""Server-sent events of the change log, as they are read off the wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec


class Change(NamedTuple):
    """One entry of the change log: `jobs` with a status and ids, `workflow`, …; `reset` when older ones are gone."""

    id: int | None
    event: str
    data: dict[str, Any]


def parse_changes(lines: Iterable[str]) -> Iterator[Change]:
    """The changes in an event stream's lines; comments (keep-alives) are passed over."""
    number: int | None = None
    event = "message"
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield Change(number, event, msgspec.json.decode("\n".join(data)))
            number, event, data = None, "message", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event = value
        elif name == "id" and value.isdigit():
            number = int(value)


def job_ids(packed: list[int | list[int]]) -> Iterator[int]:
    """The ids that a change of jobs packs: single ids and [first, last] ranges."""
    for part in packed:
        if isinstance(part, int):
            yield part
        else:
            yield from range(part[0], part[1] + 1)
