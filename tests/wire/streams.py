"""Open event streams of a replay: read while other steps are made, compared at their end.

A stream may carry further event types than those recorded, and comments; nothing else may differ.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx

from tests.server_process import BASE
from tests.wire.recording import Step, differ, same_text

PATIENCE_S = 10

Event = tuple[str, Any]


class EventReader:
    """Reads one stream in a thread of its own, until the server ends it."""

    def __init__(self, base_url: httpx.URL, step: Step) -> None:
        self._client = httpx.Client(base_url=base_url, timeout=None, verify=False)
        request = self._client.build_request(step["method"], BASE + step["path"])
        self._response = self._client.send(request, stream=True)
        self.difference = self._differs(step)
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _differs(self, step: Step) -> str | None:
        if self._response.status_code != step["status"]:
            return f"status: expected {step['status']}, got {self._response.status_code}"
        for name, want in step["headers"].items():
            if not same_text(want, self._response.headers.get(name)):
                return f"header {name}: expected {want!r}, got {self._response.headers.get(name)!r}"
        return None

    def _read(self) -> None:
        for line in self._response.iter_lines():
            self._lines.append(line)

    def events_of(self, kinds: set[str]) -> list[Event]:
        """What came so far of these event types."""
        return [event for event in events(list(self._lines)) if event[0] in kinds]

    def compare(self, recorded: list[Event], kinds: set[str]) -> str | None:
        """How the stream differs from the recorded one, waiting for what is late."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = differ([list(e) for e in recorded], [list(e) for e in self.events_of(kinds)], "events")
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.02)

    def close(self) -> None:
        """After the server has stopped: the stream must have ended."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the server left a stream open when it stopped"
        self._client.close()


def events(lines: list[str]) -> list[Event]:
    """The events in the lines of a stream: (type, data)."""
    found: list[Event] = []
    kind, data = "message", ""
    for line in lines:
        name, _, value = line.partition(":")
        if name == "event":
            kind = value.strip()
        elif name == "data":
            data += value
        elif not line:
            if data:
                found.append((kind, json.loads(data)))
            kind, data = "message", ""
    return found
