"""A small form: what waiting jobs ask for, and their priority."""

from __future__ import annotations

import re
from typing import Any

from torc_core.models.job_changes import ChangeTold, JobEdit
from torc_core.units import UnitError, parse_duration, parse_memory
from torc_tui.job_changes import kept_until_again
from torc_tui.rendering.numbers import many
from torc_tui.screens.form import Form, FormRow, whole
from torc_tui.statuses import ACTIVE, count

_SHORT = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.IGNORECASE)

DIFFER = "they differ"


def memory(text: str) -> str:
    """A size as requirements have it: `8g`, `512m`. ValueError when it is none."""
    try:
        parse_memory(text)
    except UnitError:
        raise ValueError(f"{text!r} is no size; write 512m or 8g") from None
    return text


def runtime(text: str) -> str:
    """A duration in ISO 8601, which may be typed short: `2h30m` is PT2H30M. ValueError when it is none."""
    found = _SHORT.fullmatch(text)
    if found and any(found.groups()):
        days, *rest = found.groups()
        clock = "".join(f"{part}{unit}" for part, unit in zip(rest, "HMS", strict=True) if part)
        text = "P" + (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
    try:
        parse_duration(text)
    except UnitError:
        raise ValueError(f"{text!r} is no duration; write 90s, 5m or 2h30m") from None
    return text


class EditForm(Form[JobEdit]):
    """Gives what is to be changed; what stands as it stood is not."""

    def __init__(self, title: str, told: ChangeTold) -> None:
        now = {name: _now(told, name) for name in ("num_cpus", "memory", "num_gpus", "runtime")}
        priority = (str(told.priorities[0]), "") if len(told.priorities) == 1 else ("", DIFFER)
        rows = [
            FormRow("num_cpus", "cpus", whole(0), now["num_cpus"][1], now["num_cpus"][0]),
            FormRow("memory", "memory", memory, now["memory"][1], now["memory"][0]),
            FormRow("num_gpus", "gpus", whole(0), now["num_gpus"][1], now["num_gpus"][0]),
            FormRow("runtime", "runtime", runtime, now["runtime"][1], now["runtime"][0]),
            FormRow("priority", "priority", int, priority[1], priority[0]),
        ]
        self._before = {row.name: row.value for row in rows}
        super().__init__(title, _said(told), rows, verb="plan the change")

    def result(self, values: dict[str, Any]) -> JobEdit:
        typed = {name: field.value.strip() for name, field in self._fields.items()}
        return JobEdit(**{name: value for name, value in values.items() if typed[name] != self._before[name]})


def _now(told: ChangeTold, name: str) -> tuple[str, str]:
    """What stands in the field, and the hint while it is empty."""
    values = {"" if each.built_in else str(each.now[name]) for each in told.requirements}
    if len(values) > 1:
        return "", DIFFER
    value = next(iter(values), "")
    value = value.removeprefix("PT").lower() if name == "runtime" else value
    return value, "" if value else "nothing asked for"


def _said(told: ChangeTold) -> list[str]:
    running = count(told.left_out, ACTIVE)
    lines = [f"Requirement {told.requirements[0].name}."] if len(told.requirements) == 1 else []
    if running:
        lines.append(f"{many(running, 'running job')} keep{'s' * (running == 1)} what is asked for now.")
    return [*lines, *kept_until_again(told)]
