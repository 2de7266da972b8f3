"""From a file or standard input to a document, in whatever format it is written."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torc_core.spec.document import Document, Problem, UnreadableError
from torc_core.spec.json_document import read_json, read_json5
from torc_core.spec.kdl_document import read_kdl
from torc_core.spec.yaml_document import read_yaml

FORMATS: dict[str, Callable[[str, str], Document]] = {
    "yaml": read_yaml,
    "yml": read_yaml,
    "json": read_json,
    "json5": read_json5,
    "kdl": read_kdl,
}
"""Format name (and file extension) -> reader of (text, name of the file)."""

STANDARD_INPUT = "-"
"""What is named instead of a file to read from standard input."""

_COMMENTS = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Written:
    """A text that was read, and what is known of it."""

    text: str
    name: str
    """How messages call it."""
    format: str
    """A key of FORMATS, or empty where the text itself must tell."""
    folder: str | None
    """Where the file is; None for standard input."""


def read_text(file: str | Path, format: str | None = None) -> Written:
    """The text of a file, or of standard input for `-`. UnreadableError when there is none."""
    if str(file) == STANDARD_INPUT:
        return Written(_decoded(sys.stdin.buffer.read(), "<stdin>"), "<stdin>", format or "", None)
    path = Path(file)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _unreadable(path, "no such file") from None
    except IsADirectoryError:
        raise _unreadable(path, f"this is a directory; name a workflow file ({supported()})") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    extension = path.suffix.removeprefix(".").lower()
    known = format or (extension if extension in FORMATS else "")
    return Written(_decoded(content, str(path)), str(path), known, str(path.parent))


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8 text: byte 0x{content[error.start]:02x} in line {line}; save it as UTF-8"
        raise UnreadableError(Problem(message, name)) from None


def read_document(text: str, format: str, name: str) -> Document:
    """The document of a text. `format` is a key of FORMATS in any case, or empty to find it out from the text.

    UnreadableError where it is no text of its format.
    """
    try:
        if not format:
            return _detected(text, name)
        read = FORMATS.get(format.lower())
        if read is None:
            message = f"the format {format} is not supported; one of {', '.join(FORMATS)} is"
            raise UnreadableError(Problem(message, name))
        return read(text, name)
    except RecursionError:
        raise nested_too_deeply(name) from None


def nested_too_deeply(name: str) -> UnreadableError:
    """What is said of a text that no parser can hold."""
    return UnreadableError(Problem("nested too deeply to be a workflow", name))


def _detected(text: str, name: str) -> Document:
    """JSON5 (and so JSON) where the text starts with a bracket, else YAML, else KDL."""
    comments = _COMMENTS.match(text)
    rest = text[comments.end() if comments else 0 :]
    order: list[Callable[[str, str], Document]]
    order = [read_json5, read_yaml] if rest.startswith(("{", "[")) else [read_yaml, read_kdl]
    first: UnreadableError | Document | None = None
    for read in order:
        try:
            document = read(text, name)
        except UnreadableError as error:
            first = first or error
            continue
        if document.data is None or (isinstance(document.data, dict) and _is_workflow(document.data, read)):
            return document
        first = first or document
    if isinstance(first, UnreadableError):
        raise first
    assert first is not None
    return first


def _is_workflow(data: dict[str, Any], read: Callable[[str, str], Document]) -> bool:
    """Almost any text is KDL, so there it must look like a workflow."""
    return read is not read_kdl or bool(data.get("name") or data["jobs"])


def _unreadable(path: Path, message: str) -> UnreadableError:
    return UnreadableError(Problem(message, str(path)))


def supported() -> str:
    """The extensions that are known."""
    return ", ".join(f".{name}" for name in FORMATS)
