"""The execution plan: what happens when, as events that make jobs ready (spec.md 16.2)."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from msgspec import Struct, field

from torc_core.spec.actions import SCHEDULE
from torc_core.spec.graph import Graph
from torc_core.spec.model import ActionSpec, WorkflowSpec

START = "start"
_SHOWN = 3
_SHORTEST_PREFIX = 3


class Event(Struct, kw_only=True):
    """Jobs that become ready together, when those they wait for have completed."""

    id: str = ""
    triggers: list[str] = field(default_factory=list)
    """What they wait for; nothing at the start."""
    jobs: list[str] = field(default_factory=list)
    """What becomes ready."""
    allocations: list[dict[str, Any]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    """The events in which the triggers became ready."""
    unlocks: list[str] = field(default_factory=list)

    @property
    def description(self) -> str:
        """The trigger in words."""
        names = [f"'{name}'" for name in self.triggers]
        if not names:
            return "Workflow starts"
        if len(names) == 1:
            return f"Job {names[0]} completes"
        if len(names) <= _SHOWN:
            return f"Jobs {', '.join(names)} complete"
        return f"All {len(names):,} jobs complete ({', '.join(names[:2])}, ...)"


class ExecutionPlan:
    """The events of a workflow: of a checked specification, or of a stored one that has `workflow_id`."""

    def __init__(self, spec: WorkflowSpec, workflow_id: int | None = None) -> None:
        graph = Graph(spec)
        self.name = spec.name
        self.workflow_id = workflow_id
        self.jobs = len(spec.jobs)
        self.stages = len(graph.stages())
        self.events = _events(spec, graph)

    def as_json(self) -> dict[str, Any]:
        """The keys that torc prints, and how many stages there are."""
        source: dict[str, Any] = {"source": "spec_file"}
        if self.workflow_id is not None:
            source = {"source": "database", "workflow_id": self.workflow_id}
        return {
            "status": "success",
            **source,
            "workflow_name": self.name,
            "total_events": len(self.events),
            "total_jobs": self.jobs,
            "total_stages": self.stages,
            "root_events": [event.id for event in self.events if not event.after],
            "leaf_events": [event.id for event in self.events if not event.unlocks],
            "events": [_event_json(event) for event in self.events],
        }


def _events(spec: WorkflowSpec, graph: Graph) -> list[Event]:
    """Each after those that it depends on; none without jobs."""
    parents = graph.parents()
    groups: dict[frozenset[int], Event] = {}
    event_of: dict[int, Event] = {}
    for job in graph.order:
        event = groups.setdefault(parents[job], Event())
        event.jobs.append(spec.jobs[job].name)
        event_of[job] = event
    ids: Counter[str] = Counter()
    for needed, event in groups.items():
        event.triggers = sorted(spec.jobs[job].name for job in needed)
        event.id = _unique(_event_id(event.triggers), ids)
        before = list(dict.fromkeys(event_of[job].id for job in sorted(needed)))
        event.after = before
        event.allocations = _allocations(event, spec.actions)
    by_id = {event.id: event for event in groups.values()}
    for event in groups.values():
        for earlier in event.after:
            by_id[earlier].unlocks.append(event.id)
    return list(groups.values())


def _event_id(triggers: list[str]) -> str:
    if not triggers:
        return START
    if len(triggers) == 1:
        return f"after_{triggers[0]}"
    first, last = min(triggers), max(triggers)
    length = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    prefix = re.sub(r"[_0-9]+$", "", first[:length])
    if len(prefix) >= _SHORTEST_PREFIX:
        return f"after_{prefix}_jobs"
    return f"after_{triggers[0]}_and_{len(triggers) - 1}_more"


def _unique(name: str, seen: Counter[str]) -> str:
    """torc lets a later event of the same name take the place of the first."""
    seen[name] += 1
    return name if seen[name] == 1 else f"{name}_{seen[name]}"


def _allocations(event: Event, actions: list[ActionSpec]) -> list[dict[str, Any]]:
    """What schedule_nodes actions ask for when the jobs of an event become ready."""
    found = []
    ready = set(event.jobs)
    for action in actions:
        starts = action.trigger_type == "on_workflow_start" and not event.triggers
        if action.action_type != SCHEDULE or not (starts or action.trigger_type == "on_jobs_ready"):
            continue
        jobs = [name for name in action.jobs or () if name in ready]
        if starts or jobs:
            found.append(
                {
                    "scheduler": action.scheduler,
                    "scheduler_type": action.scheduler_type,
                    "num_allocations": action.num_allocations,
                    "job_names": jobs,
                }
            )
    return found


def _event_json(event: Event) -> dict[str, Any]:
    trigger: dict[str, Any] = {"type": "WorkflowStart"}
    if event.triggers:
        trigger = {"type": "JobsComplete", "data": {"jobs": event.triggers}}
    return {
        "id": event.id,
        "trigger": trigger,
        "trigger_description": event.description,
        "scheduler_allocations": event.allocations,
        "jobs_becoming_ready": event.jobs,
        "depends_on_events": event.after,
        "unlocks_events": event.unlocks,
    }


def compacted(names: list[str]) -> str:
    """Names on one line: runs of four and more consecutive numbers as `work_{1..100}`."""
    shown: list[str] = []
    position = 0
    while position < len(names):
        length = _run_length(names, position)
        if length > _SHOWN:
            prefix, first = _split(names[position]) or ("", "")
            _, last = _split(names[position + length - 1]) or ("", "")
            shown.append(f"{prefix}{{{first}..{last}}}")
            position += length
        else:
            shown.append(names[position])
            position += 1
    return ", ".join(shown)


def _split(name: str) -> tuple[str, str] | None:
    match = re.fullmatch(r"(.*?)([0-9]{1,18})", name)
    return (match[1], match[2]) if match else None


def _run_length(names: list[str], start: int) -> int:
    """How many names from here on count up by one behind the same prefix."""
    first = _split(names[start])
    if first is None:
        return 1
    length = 1
    while start + length < len(names):
        following = _split(names[start + length])
        if following is None or following[0] != first[0] or int(following[1]) != int(first[1]) + length:
            break
        length += 1
    return length
