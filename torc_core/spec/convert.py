"""A document -> the same workflow in another format. Comments are lost; parameters and variables stay as they are."""

from __future__ import annotations

import json
from typing import Any

import json5
import yaml

from torc_core.spec.build import WORKFLOW_KEYS
from torc_core.spec.document import Document, Path
from torc_core.spec.kdl_writer import write_kdl
from torc_core.spec.yaml_document import IMPLICIT_SCALARS

TARGETS = ("yaml", "json", "json5", "kdl")
"""Formats that can be written."""

_SHORT_LIST = 80
"""Characters that a list may have on one line of YAML."""


def convert(document: Document, target: str, origin: str | None = None) -> str:
    """The text of a valid document in a format of TARGETS; `origin` is named in a comment where there are comments."""
    data = _settled(document)
    note = f"Made from {origin} by torc convert" if origin else None
    if target == "yaml":
        text: str = yaml.dump(
            data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False
        )
        return _comment("#", note) + text
    if target == "json":
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    if target == "json5":
        text = json5.dumps(data, indent=2, quote_keys=False, trailing_commas=True, ensure_ascii=False)
        return _comment("//", note) + text + "\n"
    return _comment("//", note) + write_kdl(data)


def _comment(mark: str, note: str | None) -> str:
    return f"{mark} {note}\n" if note and note.isprintable() else ""


def _settled(document: Document) -> Any:
    """The data as it is written: in the order of WORKFLOW_KEYS, and as text what counts as such (1.10, 0x1F)."""
    in_order = [key for key in WORKFLOW_KEYS if key in document.data]
    others = [key for key in document.data if key not in WORKFLOW_KEYS]
    data: dict[str, Any] = {key: _plain(document.data[key]) for key in (*in_order, *others)}
    for key in ("env", "variables"):
        if isinstance(data.get(key), dict):
            data[key] = _texts(document, data[key], (key,))
    jobs = data.get("jobs")
    for index, job in enumerate(jobs if isinstance(jobs, list) else ()):
        if isinstance(job, dict) and isinstance(job.get("env"), dict):
            job["env"] = _texts(document, job["env"], ("jobs", index, "env"))
    return data


def _texts(document: Document, mapping: dict[str, Any], path: Path) -> dict[str, Any]:
    return {
        key: document.written((*path, key), value) if isinstance(value, bool | int | float) else value
        for key, value in mapping.items()
    }


def _plain(value: Any) -> Any:
    """A copy that shares nothing, so that no format writes references."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, float) else value


_BaseDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_BaseDumper):  # type: ignore[misc]
    """Quotes every text that YAML 1.1 or 1.2 would take for something else."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [*_BaseDumper.yaml_implicit_resolvers.get(first, ()), *IMPLICIT_SCALARS.get(first, ())]
        for first in {*_BaseDumper.yaml_implicit_resolvers, *IMPLICIT_SCALARS}
    }

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _represent_text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_list(dumper: Any, items: list[Any]) -> Any:
    plain = not any(isinstance(item, dict | list) for item in items)
    short = plain and sum(len(str(item)) + 2 for item in items) <= _SHORT_LIST
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=short)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_list)
