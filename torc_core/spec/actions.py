"""Actions: what is done when a workflow starts or ends, or jobs become ready or complete (spec.md 3.8, 11)."""

from __future__ import annotations

from typing import Any

from torc_core.spec import values
from torc_core.spec.document import Path, Source
from torc_core.spec.model import ActionSpec
from torc_core.spec.objects import items, read_mapping
from torc_core.spec.values import Reader

JOB_TRIGGERS = ("on_jobs_ready", "on_jobs_complete")
TRIGGERS = (
    "on_workflow_start",
    "on_workflow_complete",
    *JOB_TRIGGERS,
    "on_worker_start",
    "on_worker_complete",
)
SCHEDULE = "schedule_nodes"

ACTION_KEYS: dict[str, Reader] = {
    "trigger_type": values.choice(*TRIGGERS, otherwise="this action never happens and is not created"),
    "action_type": values.choice("run_commands", SCHEDULE),
    "jobs": values.names,
    "job_name_regexes": values.names,
    "commands": values.texts(values.text),
    "scheduler": values.text,
    "scheduler_type": values.filled_text,
    "num_allocations": values.whole(1),
    "start_one_worker_per_node": values.flag,
    "max_parallel_jobs": values.whole(1, 2**31 - 1),
    "persistent": values.flag,
}


def read_actions(source: Source, value: Any, path: Path) -> list[ActionSpec]:
    """The list `actions`."""
    actions = []
    for index, item in enumerate(items(source, value, path)):
        place = (*path, index)
        what = f"action {index + 1}"
        found = read_mapping(source, item, place, ACTION_KEYS, what, ("trigger_type", "action_type"))
        action = ActionSpec(**found, place=place)
        _check(action, item, what, source)
        if action.trigger_type:
            actions.append(action)
    return actions


def _check(action: ActionSpec, item: Any, what: str, source: Source) -> None:
    """What an action of its kind needs; `item` is what was written."""
    needed = {"run_commands": ("commands",), SCHEDULE: ("scheduler_type", "scheduler")}.get(action.action_type, ())
    for key in needed:
        if not item.get(key):
            source.error(action.place, f"{what}: {action.action_type} needs {key}")
    if action.trigger_type in JOB_TRIGGERS and action.jobs is None and action.job_name_regexes is None:
        message = f"{what} never happens: {action.trigger_type} waits for jobs; name them in jobs or job_name_regexes"
        source.warn(action.place, message)
