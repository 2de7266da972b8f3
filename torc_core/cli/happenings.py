"""What happened in a workflow, in words: its changes and the events kept with it."""

from __future__ import annotations

from typing import Any

import msgspec

from torc_core.cli.app import App
from torc_core.client import endpoints
from torc_core.client.errors import ApiError
from torc_core.client.stream import Change
from torc_core.models.resources import Event

NAMED = 6
"""So many jobs of a change are named; of more the first and the last."""

LATEST_EVENTS = 100
"""Among so many of the latest events the one that a change tells of is looked for."""

MOST_NAMES = 10_000
"""So many names of jobs are remembered."""


def event_kind(event: Event) -> str:
    """What kind of event it is, as it says itself; `-` where it does not."""
    data = event.data if isinstance(event.data, dict) else {}
    return str(data.get("event_type") or data.get("category") or "-")


def event_text(event: Event) -> str:
    """What an event says: its message; who did what, and with which values; or else its JSON."""
    data = event.data
    if isinstance(data, dict) and isinstance(message := data.get("message"), str):
        return message
    if isinstance(data, dict) and isinstance(action := data.get("action"), str):
        by = f" by {data['user']}" if data.get("user") else ""
        told = {"category", "action", "user", "workflow_id"}
        values = ", ".join(f"{name} {_value(value)}" for name, value in data.items() if name not in told)
        return f"{action}{by}{': ' if values else ''}{values}"
    return _value(data)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class Teller:
    """Says changes in words, with the names of jobs, which it asks the server for and remembers."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._names: dict[int, str | None] = {}

    def text(self, change: Change) -> str | None:
        """What a change says, such as `completed: prep (3)`; None where another change says it."""
        data = change.data
        match change.event:
            case "jobs":
                by_hand = " (set by hand)" if data.get("forced") else ""
                return f"{data.get('status')}{by_hand}: {self._jobs(data.get('ids', []))}"
            case "job":
                return self._job(data)
            case "workflow":
                return _workflow(data)
            case "node":
                return self._node(data)
            case "action":
                return _action(data)
            case "event":
                return self._event(data)
            case "result" if jobs := data.get("jobs"):
                return f"canceled jobs have ended: {self._jobs(jobs)}"
        return _changed(change.event.replace("_", " "), data)

    def _jobs(self, packed: list[Any]) -> str:
        ranges = [(part, part) if isinstance(part, int) else (part[0], part[1]) for part in packed]
        count = sum(last - first + 1 for first, last in ranges)
        if count > NAMED:
            return f"{count:,} jobs, {self._named(ranges[0][0])} … {self._named(ranges[-1][1])}"
        return ", ".join(self._named(job) for first, last in ranges for job in range(first, last + 1))

    def _named(self, job: int) -> str:
        name = self._name(job)
        return f"job {job}" if name is None else f"{name} ({job})"

    def _name(self, job: int) -> str | None:
        """The name of a job; None of one that is gone."""
        if job not in self._names:
            if len(self._names) >= MOST_NAMES:
                self._names.clear()
            try:
                self._names[job] = self._app.client.send(endpoints.get_job(job)).name
            except ApiError:
                self._names[job] = None
        return self._names[job]

    def _job(self, data: dict[str, Any]) -> str:
        if data.get("deleted") == "all":
            return "all jobs were deleted"
        if (number := data.get("id")) is None:
            return "jobs were changed"
        return f"{self._named(number)} was {'deleted' if data.get('deleted') else 'changed'}"

    def _node(self, data: dict[str, Any]) -> str:
        if data.get("deleted") or "hostname" not in data:
            return _changed("runner", data)
        runner = f"runner {data.get('id')} on {data['hostname']}"
        if data.get("is_active"):
            return f"{runner} is at work"
        reason = data.get("reason")
        if reason is None or reason == "left":
            return f"{runner} left"
        lost = data.get("lost")
        return f"{runner} is gone: {reason}" + (f"; it had {self._jobs(lost)}" if lost else "")

    def _event(self, data: dict[str, Any]) -> str | None:
        """The server's own events have no id here: their cancel, retry or lost runner is a change of its own."""
        number, workflow = data.get("id"), data.get("workflow_id")
        if number is None:
            return None
        if not data.get("deleted") and workflow is not None:
            latest = endpoints.list_events(workflow, sort_by="id", reverse_sort=True, limit=LATEST_EVENTS)
            for event in self._app.client.send(latest).items:
                if event.id == number:
                    return f"{event_kind(event)}: {event_text(event)}"
        return _changed("event", data)


def _workflow(data: dict[str, Any]) -> str:
    if "created" in data or "deleted" in data:
        name = f" '{data['name']}'" if data.get("name") else ""
        return f"workflow{name} was {'created' if data.get('created') else 'deleted'}"
    if "work" in data:
        return f"work on all jobs begins: {data['work']}" if data["work"] else "work on all jobs is over"
    if data.get("is_canceled"):
        return "workflow was canceled"
    if "run_id" in data and "is_archived" not in data:
        return f"run {data['run_id']} begins"
    if data.get("is_archived"):
        return "workflow was archived"
    if data.get("is_canceled") is False and "is_archived" not in data:
        return "workflow is no longer canceled"
    return "workflow was changed"


def _action(data: dict[str, Any]) -> str:
    if "ids" in data:
        return f"due: action{'s' * (len(data['ids']) > 1)} {', '.join(map(str, data['ids']))}"
    if "executed_by" in data:
        return f"action {data.get('id')} went to runner {data['executed_by']}"
    return _changed("action", data)


def _changed(thing: str, data: dict[str, Any]) -> str:
    number = data.get("id")
    return f"{thing}{'' if number is None else f' {number}'} was {'deleted' if data.get('deleted') else 'changed'}"
