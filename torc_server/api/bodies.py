"""Request bodies: strict about types, lenient about fields, which are named in a `Warning` header (server.md 0)."""

from __future__ import annotations

import json
import typing
from functools import cache
from typing import Any, TypeVar

import msgspec

from torc_core.models.resources import ScheduledComputeNode
from torc_core.models.status import JobStatus
from torc_server.api.answers import Malformed
from torc_server.api.parameters import plain_type

T = TypeVar("T")

SORT_METHODS = ("gpus_runtime_memory", "gpus_memory_runtime", "none")

CHOICES: dict[str, tuple[str, ...]] = {
    "jobs_sort_method": SORT_METHODS,
    "status": tuple(status.label for status in JobStatus),
}
"""Fields of the wire that are enumerations."""

FREE = {(ScheduledComputeNode, "status")}
"""Fields of that name that are not."""

_MISMATCH = "Couldn't parse body parameter body - doesn't match schema: "


class _Shape:
    """What the fields of a struct hold: which are integers, enumerations, or structs again."""

    def __init__(self, model: Any) -> None:
        self.integers: set[str] = set()
        self.structs: dict[str, _Shape] = {}
        self.lists: dict[str, _Shape] = {}
        fields = msgspec.structs.fields(model)
        self.names = {field.encode_name for field in fields}
        self.choices = {name: CHOICES[name] for name in self.names & CHOICES.keys() if (model, name) not in FREE}
        for field in fields:
            kind = plain_type(field.type)
            if kind is int:
                self.integers.add(field.name)
            elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                self.structs[field.name] = shape(kind)
            elif typing.get_origin(kind) is list:
                (item,) = typing.get_args(kind)
                if isinstance(item, type) and issubclass(item, msgspec.Struct):
                    self.lists[field.name] = shape(item)

    def check(self, value: Any, path: str, unknown: list[str]) -> None:
        """Add paths of unknown fields to `unknown`; ValueError for what the types alone do not refuse."""
        if not isinstance(value, dict):
            return
        for name, item in value.items():
            if name not in self.names:
                unknown.append(f"{path}.{name}")
            elif name in self.integers:
                if isinstance(item, int) and not -(1 << 63) <= item < 1 << 63:
                    raise ValueError(f"invalid value: integer `{item}`, expected i64")
            elif name in self.choices:
                if isinstance(item, str) and item not in self.choices[name]:
                    allowed = ", ".join(f"`{choice}`" for choice in self.choices[name])
                    raise ValueError(f"unknown variant `{item}`, expected one of {allowed}")
            elif name in self.structs:
                self.structs[name].check(item, f"{path}.{name}.?", unknown)
            elif name in self.lists and isinstance(item, list):
                for i, each in enumerate(item):
                    self.lists[name].check(each, f"{path}.{name}.{i}", unknown)


@cache
def shape(model: Any) -> _Shape:
    """What is known about a struct, looked at once."""
    return _Shape(model)


def decode_body(raw: bytes, model: type[T]) -> tuple[T, list[str]]:
    """The body as `model` and the paths of the fields it does not have. Malformed when it does not match."""
    if not raw.strip() or raw.strip() == b"null":
        raise Malformed("Missing required body parameter body")
    unknown: list[str] = []
    try:
        found = msgspec.json.decode(raw, type=model)
        known: Any = model
        shape(known).check(json.loads(raw, object_pairs_hook=_object), "?", unknown)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise Malformed(_MISMATCH + str(error)) from None
    return found, unknown


def decode_any(raw: bytes) -> Any:
    """The body as whatever JSON it is. Malformed when it is none."""
    if not raw.strip():
        raise Malformed("Missing required body parameter body")
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise Malformed(_MISMATCH + str(error)) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"duplicate field `{name}`")
            seen.add(name)
    return found
