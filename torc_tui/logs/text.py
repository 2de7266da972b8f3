"""Bytes of a log as a line that is safe to show: colours become roles, nothing else of a terminal's codes remains."""

from __future__ import annotations

import re

from rich.cells import cell_len

from torc_tui.logs.search import Pattern
from torc_tui.rendering.cells import Line

_ESCAPES = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]*)m"  # colours
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # other control sequences
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)?"  # titles, links, clipboard, …
    r"|\x1b[ -/]*[0-~]?"
)

_COLOURS = {
    30: "dim", 31: "failed", 32: "completed", 33: "warning", 34: "running", 35: "canceled", 36: "accent", 37: "text",
}  # fmt: skip


def cleaned(data: bytes) -> Line:
    """A row as a terminal would leave it: what was overwritten after a carriage return is gone."""
    text = data.rstrip(b"\r\n").rpartition(b"\r")[2].decode(errors="replace")
    if "\x1b" not in text:
        return [(_printable(text), "text")] if text else []
    line: Line = []
    role, at = "text", 0
    for match in _ESCAPES.finditer(text):
        if match.start() > at:
            line.append((_printable(text[at : match.start()]), role))
        at = match.end()
        if match["sgr"] is not None:
            role = _role(match["sgr"], role)
    if at < len(text):
        line.append((_printable(text[at:]), role))
    return line


def _role(sgr: str, role: str) -> str:
    codes = [int(code or 0) for code in re.split("[;:]", sgr)] if sgr else [0]
    if codes[0] in (38, 48, 58):
        return role  # one of 256 colours or any other: which role that would be nobody can say
    for code in codes:
        if code in (0, 39):
            role = "text"
        elif code == 1 and role == "text":
            role = "strong"
        elif code in (2, 90):
            role = "dim"
        elif 30 <= code % 60 <= 37 and code < 100:
            role = _COLOURS[30 + code % 10]
    return role


def _printable(text: str) -> str:
    """Tabs as blanks, other control characters as signs for them."""
    if "\t" in text:
        text = text.expandtabs(8)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else chr(0x2400 + ord(c)) if c < " " else "�" for c in text)


def marked(line: Line, pattern: Pattern) -> Line:
    """The line with its matches marked."""
    whole = "".join(text for text, _ in line)
    spans = [match.span() for match in pattern.shown.finditer(whole) if match.end() > match.start()]
    if not spans:
        return line
    result: Line = []
    at = 0
    for text, role in line:
        end = at + len(text)
        place = at
        for first, last in spans:
            first, last = max(first, place), min(last, end)
            if first < last:
                result += [(whole[place:first], role), (whole[first:last], "match")]
                place = last
        result.append((whole[place:end], role))
        at = end
    return [span for span in result if span[0]]


def shifted(line: Line, columns: int) -> Line:
    """The line without its first columns."""
    rest: Line = []
    for text, role in line:
        if columns <= 0:
            rest.append((text, role))
        elif text.isascii():
            if len(text) > columns:
                rest.append((text[columns:], role))
            columns -= len(text)
        else:
            for at, character in enumerate(text):
                if columns <= 0:
                    rest.append((text[at:], role))
                    break
                columns -= cell_len(character)
    return rest


def folded(line: Line, width: int) -> list[Line]:
    """The line in pieces of at most `width` columns, at least 2; an empty line is one piece."""
    lines: list[Line] = [[]]
    room = width
    for text, role in line:
        while text:
            piece = text[:room] if text.isascii() else _beginning(text, room)
            if piece:
                lines[-1].append((piece, role))
                room -= len(piece) if piece.isascii() else cell_len(piece)
                text = text[len(piece) :]
            if text:
                lines.append([])
                room = width
    return lines


def _beginning(text: str, columns: int) -> str:
    """As much of a text as fits."""
    for at, character in enumerate(text):
        columns -= cell_len(character)
        if columns < 0:
            return text[:at]
    return text
