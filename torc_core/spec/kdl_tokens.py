"""The tokens of a KDL text: needed for places, for telling where a text is no KDL, and to read KDL 1 as KDL 2.

The grammar itself is left to the ckdl parser, which knows no places and reads one version at a time; files of torc mix
the raw strings of KDL 1 with the rest of KDL 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_NEWLINE = r"\r\n|[\n\r\x85\x0b\x0c\u2028\u2029]"
_TOKEN = re.compile(
    rf"""
    (?P<blank> (?:[ \t\ufeff\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000] | //[^\n\r\x85\u2028\u2029]* )+ )
  | (?P<newline> {_NEWLINE} )
  | (?P<comment> /\* )
  | (?P<drop> /- )
  | (?P<joined> \\ )
  | (?P<raw> (?P<hashes>\#+) (?:\"\"\"|") )
  | (?P<raw1> r(?P<hashes1>\#*)" )
  | (?P<multiline> \"\"\" )
  | (?P<text> "[^"\\]*(?:\\.[^"\\]*)*" )
  | (?P<mark> [{{}};=()] )
  | (?P<bare> \#?[^\s{{}}()\\/"\#;=]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_COMMENT = re.compile(r"/\*|\*/")
_MULTILINE_END = re.compile(r'[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""', re.DOTALL)
_ESCAPE = re.compile(rf"\\.|{_NEWLINE}", re.DOTALL)
_KEYWORDS = frozenset({"true", "false", "null"})


class KdlFault(Exception):
    """The text is no KDL: what is wrong, and the offset."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Kind, start and end of each token; blanks and comments are left out. Raises KdlFault for what never ends."""
    position = 0
    joined = False
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            if text[position] == '"':
                raise KdlFault('this text is never closed; it ends with "', position)
            raise KdlFault(f"the character {text[position]!r} is not allowed here; quote the text", position)
        kind = match.lastgroup or ""
        if kind == "hashes":
            kind = "raw"
        elif kind == "hashes1":
            kind = "raw1"
        end = _end(text, kind, match)
        if kind == "joined" or (kind == "newline" and joined):
            joined = kind == "joined"
        elif kind not in ("blank", "comment"):
            joined = False
            yield kind, position, end
        position = end


def _end(text: str, kind: str, match: re.Match[str]) -> int:
    start = match.start()
    if kind == "comment":
        return _comment_end(text, start)
    if kind in ("raw", "raw1"):
        opening = match[0].lstrip("r#")
        closing = opening + (match["hashes"] or match["hashes1"] or "")
        end = text.find(closing, match.end())
        if end < 0:
            raise KdlFault(f"this text is never closed; it ends with {closing}", start)
        return end + len(closing)
    if kind == "multiline":
        found = _MULTILINE_END.match(text, match.end())
        if found is None:
            raise KdlFault('this text is never closed; it ends with """', start)
        return found.end()
    return match.end()


def _comment_end(text: str, start: int) -> int:
    depth = 0
    for match in _BLOCK_COMMENT.finditer(text, start):
        depth += 1 if match[0] == "/*" else -1
        if not depth:
            return match.end()
    raise KdlFault("this comment is never closed; it ends with */", start)


def as_version_2(text: str) -> str:
    """The text with the spellings of KDL 1 written as in KDL 2: true, null, r"raw" and texts over several lines."""
    pieces = []
    done = 0
    for kind, start, end in tokens(text):
        token = text[start:end]
        if kind == "bare" and token in _KEYWORDS:
            written = "#" + token
        elif kind == "raw1":
            hashes = token.index('"') - 1
            written = _quoted(token[hashes + 2 : len(token) - hashes - 1])
        elif kind == "text":
            written = _ESCAPE.sub(_modern_escape, token)
        else:
            continue
        pieces += [text[done:start], written]
        done = end
    return "".join(pieces) + text[done:]


def _quoted(content: str) -> str:
    escaped = content.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _ESCAPE.sub(_modern_escape, escaped) + '"'


def _modern_escape(match: re.Match[str]) -> str:
    token = match[0]
    if token == "\\/":
        return "/"
    return token if token[0] == "\\" else "\\n"


@dataclass(slots=True)
class NodePlace:
    """Where a node starts, and the nodes in its block."""

    offset: int
    end: int = 0
    children: list[NodePlace] = field(default_factory=list)


def node_places(text: str) -> NodePlace:
    """The places of all nodes, in the order in which ckdl gives them: those behind /- are left out.

    Raises KdlFault where a block is not closed, or closed without being open.
    """
    root = NodePlace(0)
    blocks = [root]
    starts = [0]
    current: NodePlace | None = None
    dropped = False
    for kind, start, end in tokens(text):
        token = text[start:end] if kind == "mark" else ""
        if kind == "newline" or token == ";":
            current = None
        elif token == "{":
            blocks.append(NodePlace(start) if dropped or current is None else current)
            starts.append(start)
            current, dropped = None, False
        elif token == "}":
            if len(blocks) == 1:
                raise KdlFault("this } closes nothing", start)
            closed = blocks.pop()
            starts.pop()
            closed.end = end
            current = None
        elif kind == "drop":
            dropped = True
        else:
            if current is None:
                current = NodePlace(start)
                if not dropped:
                    blocks[-1].children.append(current)
            dropped = False
            current.end = end
    if len(blocks) > 1:
        raise KdlFault("this { is never closed", starts[-1])
    root.end = len(text)
    return root
