"""Failure handlers: which exit codes are tried again, and what runs before (spec.md 3.6, 12)."""

from __future__ import annotations

from typing import Any

from torc_core.models.resources import FailureRule
from torc_core.spec import values
from torc_core.spec.document import Path, Source
from torc_core.spec.model import HandlerSpec
from torc_core.spec.objects import items, named, read_mapping
from torc_core.spec.values import Reader

_INT32 = 2**31


def _rules(source: Source, value: Any, path: Path) -> list[FailureRule]:
    rules = []
    for index, item in enumerate(items(source, value, path)):
        place = (*path, index)
        found = read_mapping(source, item, place, RULE_KEYS, f"rule {index + 1}")
        rule = FailureRule(**found)
        if isinstance(item, dict) and not (item.get("exit_codes") or item.get("match_all_exit_codes")):
            source.warn(place, f"rule {index + 1} fits no exit code; give it exit_codes or match_all_exit_codes: true")
        rules.append(rule)
    return rules


RULE_KEYS: dict[str, Reader] = {
    "exit_codes": values.texts(values.whole(-_INT32, _INT32 - 1)),
    "match_all_exit_codes": values.flag,
    "recovery_script": values.filled_text,
    "max_retries": values.whole(0, _INT32 - 1),
}
HANDLER_KEYS: dict[str, Reader] = {"name": values.name, "rules": _rules}


def read_handlers(source: Source, value: Any, path: Path) -> list[HandlerSpec]:
    """The list `failure_handlers`."""
    handlers = []
    for index, item in enumerate(items(source, value, path)):
        place = (*path, index)
        what = named("failure_handler", item)
        found = read_mapping(source, item, place, HANDLER_KEYS, what, ("name", "rules"))
        handlers.append(HandlerSpec(**found, place=place))
    return handlers
