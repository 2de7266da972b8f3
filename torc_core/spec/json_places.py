"""Where each value of a JSON or JSON5 text stands. Looked up only when there is something to say about a value.

The text was read by a real parser before, so this one only follows the brackets.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

import json5

from torc_core.spec.document import Path

_TOKEN = re.compile(
    r"""
    (?P<skip> [\s\ufeff]+ | //[^\n\r\u2028\u2029]* | /\*.*?\*/ )
  | (?P<string> "[^"\\]*(?:\\.[^"\\]*)*" | '[^'\\]*(?:\\.[^'\\]*)*' )
  | (?P<mark> [{}\[\],:] )
  | (?P<bare> [^\s{}\[\],:"'/]+ )
    """,
    re.VERBOSE | re.DOTALL,
)


class Lines:
    """Line and column (both from 1) of offsets in a text."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer(r"\n", text))]

    def at(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


@dataclass(slots=True)
class _Node:
    """A value: its offset, that of its key, and what is in it."""

    offset: int
    key_offset: int
    members: dict[str | int, _Node] = field(default_factory=dict)
    is_object: bool = False


class JsonPlaces:
    """Offsets of the values of a text; of a key given twice, those of the last one."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._root = self._read()

    def find(self, path: Path, *, key: bool = False) -> int:
        """The offset of the value at `path` or of its key; of the nearest one around it when there is none."""
        node = self._root
        for step in path:
            inner = node.members.get(step)
            if inner is None:
                break
            node = inner
        return node.key_offset if key else node.offset

    def _read(self) -> _Node:
        root = _Node(0, 0)
        stack: list[_Node] = []
        first = True
        key: tuple[str, int] | None = None
        for match in _TOKEN.finditer(self._text):
            if match.lastgroup == "skip":
                continue
            token = match[0]
            if token in ("}", "]"):
                if stack:
                    stack.pop()
            elif token == ",":
                key = None
            elif token == ":":
                continue
            elif stack and stack[-1].is_object and key is None:
                key = _key_text(token), match.start()
            else:
                node = root if first else _Node(0, 0)
                first = False
                node.offset = match.start()
                node.key_offset = match.start() if key is None else key[1]
                if stack:
                    parent = stack[-1]
                    parent.members[len(parent.members) if key is None else key[0]] = node
                key = None
                if token in ("{", "["):
                    node.is_object = token == "{"
                    stack.append(node)
        return root


def _key_text(token: str) -> str:
    if token[0] not in "\"'" and "\\" not in token:
        return token
    if "\\" not in token:
        return token[1:-1]
    return str(json5.loads(token)) if token[0] in "\"'" else next(iter(json5.loads("{" + token + ":0}")))
