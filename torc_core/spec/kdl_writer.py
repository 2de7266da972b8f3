"""Plain data -> KDL 2, which kdl_document reads back to the same data; null keys are left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import ckdl

from torc_core.spec.kdl_document import ITEM
from torc_core.spec.kdl_shapes import WORKFLOW, Shape

_INDENT = "    "
_IN_ONE_NODE = frozenset({"use_parameters", "exit_codes"})
"""Lists whose values stand together; of others torc reads one value of a node."""

_PLAIN_NAME = re.compile(r"-|[A-Za-z_][A-Za-z0-9_.-]*")
_KEYWORDS = frozenset({"true", "false", "null", "inf", "nan"})
_TO_ESCAPE = re.compile(r'[\\"\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]')
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_NEVER_IN_LINES = re.compile(r'"""|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]')


class _Node(NamedTuple):
    name: str
    values: Sequence[Any] = ()
    children: Sequence[Any] = ()
    kind: str | None = None


def write_kdl(data: dict[str, Any]) -> str:
    """The text of a workflow."""
    blocks: list[str] = []
    after_block = False
    for node in _block(data, WORKFLOW):
        is_block = bool(node.children)
        blocks.append("\n" if blocks and (is_block or after_block) else "")
        blocks += _lines(node, "")
        after_block = is_block
    return "".join(blocks)


def _block(data: dict[str, Any], shape: Shape) -> Iterator[_Node]:
    nodes_of_lists: dict[str, str] = {}
    for node, key in shape.many.items():
        nodes_of_lists.setdefault(key, node)
    for key, value in data.items():
        if value is None or (shape.named and key == "name"):
            continue
        if key in shape.plurals and isinstance(value, list):
            node, inner = shape.plurals[key], shape.objects[shape.plurals[key]][1]
            yield from (_object(node, item, inner) for item in value)
        elif key in nodes_of_lists and isinstance(value, list):
            yield from _list(nodes_of_lists[key], key, value)
        elif key in shape.single and isinstance(value, dict):
            yield _object(key, value, shape.single[key])
        elif key in shape.json:
            yield _Node(key, [json.dumps(value, ensure_ascii=False)])
        elif key in shape.maps and isinstance(value, dict):
            yield _Node(key, [], [_free(name, item) for name, item in value.items()])
        else:
            yield _free(key, value)


def _object(name: str, data: dict[str, Any], shape: Shape) -> _Node:
    title = data.get("name") if shape.named else None
    return _Node(name, [] if title is None else [title], list(_block(data, shape)))


def _list(node: str, key: str, values: list[Any]) -> Iterator[_Node]:
    if key in _IN_ONE_NODE or not values:
        yield _Node(node, values)
    else:
        yield from (_Node(node, [value]) for value in values)


def _free(name: str, value: Any) -> _Node:
    """Any value: what is no list or mapping is an argument."""
    if isinstance(value, dict):
        items = [_free(key, item) for key, item in value.items()]
        return _Node(name, [], items, None if items and set(value) != {ITEM} else "map")
    if not isinstance(value, list):
        return _Node(name, [value])
    if not value:
        return _Node(name, kind="list")
    if len(value) > 1 and not any(isinstance(item, dict | list) for item in value):
        return _Node(name, value)
    return _Node(name, [], [_free(ITEM, item) for item in value])


def _lines(node: _Node, indent: str) -> Iterator[str]:
    """The lines of a node and its block."""
    kind = f"({node.kind})" if node.kind else ""
    plain = _PLAIN_NAME.fullmatch(node.name) and node.name not in _KEYWORDS
    values = "".join(f" {_value(value, indent + _INDENT)}" for value in node.values)
    start = f"{indent}{kind}{node.name if plain else _quoted(node.name)}{values}"
    if not node.children:
        yield f"{start}\n"
        return
    yield f"{start} {{\n"
    for child in node.children:
        yield from _lines(child, indent + _INDENT)
    yield f"{indent}}}\n"


def _value(value: Any, indent: str) -> str:
    if value is None:
        return "#null"
    if isinstance(value, bool):
        return "#true" if value else "#false"
    if isinstance(value, float) and not _is_exact(value):
        return _quoted(repr(value))
    if not isinstance(value, str):
        return repr(value)
    return _several_lines(value, indent) if _reads_well(value) else _quoted(value)


def _is_exact(number: float) -> bool:
    """Whether the parser gives back the same number: beyond 22 digits it may be off by one."""
    return bool(ckdl.parse(f"- {number!r}", version=2).nodes[0].args[0] == number)


def _quoted(text: str) -> str:
    return '"' + _TO_ESCAPE.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0]) or f"\\u{{{ord(match[0]):x}}}"


def _reads_well(text: str) -> bool:
    """Whether a text can stand on several lines as it is."""
    lines = text.split("\n")
    return len(lines) > 1 and not _NEVER_IN_LINES.search(text) and all(line.strip() or not line for line in lines)


def _several_lines(text: str, indent: str) -> str:
    *lines, last = text.replace("\\", "\\\\").split("\n")
    lines[-1:] = [lines[-1], last] if last else [f"{lines[-1]}\\n"]  # an empty line more would look like a mistake
    written = "".join(f"{indent}{line}\n" if line else "\n" for line in lines)
    return f'"""\n{written}{indent}"""'
