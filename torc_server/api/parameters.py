"""Path and query parameters, read by torc's rules and refused with its words (server.md 0, 0.1)."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar.types import Scope

from torc_core.models.status import JobStatus
from torc_server.api.answers import Malformed
from torc_server.errors import Invalid

Q = TypeVar("Q", bound=msgspec.Struct)

MAX_LIMIT = 10_000
"""Rows of a page at most (server.md 0.2)."""

EMPTY = "\0"
"""What the front door puts for the empty last part of a path, which the router would drop."""

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)


class Page(msgspec.Struct, kw_only=True):
    """Parameters of every list."""

    offset: int = 0
    limit: int = MAX_LIMIT
    sort_by: str | None = None
    reverse_sort: bool = False

    def check(self) -> None:
        """Invalid when the page cannot exist."""
        if self.limit > MAX_LIMIT:
            raise Invalid(f"limit {self.limit} is over {MAX_LIMIT}; ask for pages with offset")
        if self.limit < 0 or self.offset < 0:
            raise Invalid(f"limit {self.limit} and offset {self.offset} must not be negative")


class WorkflowPage(Page, kw_only=True):
    """A list of what belongs to one workflow."""

    workflow_id: int


class OfWorkflow(msgspec.Struct, kw_only=True):
    """All of one workflow (bulk deletes)."""

    workflow_id: int


def integer(text: str) -> int:
    """A 64-bit integer as torc reads it; ValueError says what is wrong in its words."""
    if not text or text == EMPTY:
        raise ValueError("cannot parse integer from empty string")
    if not _INTEGER.fullmatch(text):
        raise ValueError("invalid digit found in string")
    value = int(text)
    if value >= 1 << 63:
        raise ValueError("number too large to fit in target type")
    if value < -(1 << 63):
        raise ValueError("number too small to fit in target type")
    return value


def status(text: str) -> JobStatus:
    """A job status by its wire name."""
    try:
        return JobStatus.from_label(text)
    except ValueError:
        raise ValueError(f"Value not valid: {text}") from None


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("provided string was not `true` or `false`")
    return text == "true"


def path_parameter(scope: Scope, name: str, read: Callable[[str], Any]) -> Any:
    """A part of the path; Malformed when `read` does not take it."""
    text: str = scope["path_params"][name]
    if "\ufffd" in text and (raw := _not_utf8(scope.get("raw_path") or b"")):
        raise Malformed(f"Couldn't percent-decode path parameter as UTF-8: {raw}")
    try:
        return read(text)
    except ValueError as error:
        raise Malformed(f"Couldn't parse path parameter {name}: {error}") from None


def _not_utf8(path: bytes) -> str | None:
    """The part of an encoded path that is not UTF-8, as it was sent."""
    for part in path.split(b"?")[0].split(b"/"):
        try:
            re.sub(rb"%([0-9a-fA-F]{2})", lambda m: bytes.fromhex(m[1].decode()), part).decode()
        except UnicodeDecodeError:
            return part.decode("latin-1")
    return None


def first_values(scope: Scope) -> dict[str, str]:
    """The query; of a repeated parameter the first value counts."""
    values: dict[str, str] = {}
    for name, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
        values.setdefault(name, value)
    return values


def query(scope: Scope, model: type[Q]) -> Q:
    """The query as `model`, a struct of int, bool, str and JobStatus; parameters it does not have are ignored."""
    given = first_values(scope) if scope["query_string"] else {}
    found: dict[str, Any] = {}
    for name, read, required in _readers(model):
        text = given.get(name)
        if text is None:
            if required:
                raise Malformed(f"Missing required query parameter {name}")
            continue
        try:
            found[name] = read(text)
        except ValueError as error:
            raise Malformed(f"Couldn't parse query parameter {name} - doesn't match schema: {error}") from None
    return model(**found)


@cache
def _readers(model: type[msgspec.Struct]) -> list[tuple[str, Callable[[str], Any], bool]]:
    return [(f.name, READ[plain_type(f.type)], f.required) for f in msgspec.structs.fields(model)]


def plain_type(annotation: Any) -> Any:
    """The type without `| None`."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return next(part for part in typing.get_args(annotation) if part is not type(None))
    return annotation


READ: dict[Any, Callable[[str], Any]] = {int: integer, bool: _flag, str: str, JobStatus: status}
"""How a parameter of each type is read."""
