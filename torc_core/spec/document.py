"""What every reader of a file format gives: plain data, and the place of each value in the file.

A path leads to a value: `("jobs", 3, "depends_on", 0)`. Places are looked up only when there is something to say, so
they cost nothing in a file without mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from torc_core.spec.suggest import Suggestions

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in a workflow file, or a doubt about it; as text it is one line."""

    message: str
    where: str
    """`flow.yaml:12:5`, `flow.json: jobs[3].command`, or the file alone."""
    order: tuple[int, int] = field(default=(0, 0), compare=False)
    """Line and column, where the format has them: problems are shown in this order."""
    ignored: bool = field(default=False, compare=False)
    """Whether it is about something that is written and has no effect."""

    def __post_init__(self) -> None:
        for name in ("message", "where"):
            text: str = getattr(self, name)
            if not text.isprintable():
                object.__setattr__(self, name, _on_one_line(text))

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def _on_one_line(text: str) -> str:
    """Line breaks and other characters that a terminal would act on, as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


class UnreadableError(Exception):
    """The text is no document of its format; nothing of it can be used."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Document(Protocol):
    """A file that was read: data of dict, list, str, int, float, bool and None."""

    data: Any
    errors: list[Problem]
    """Found while reading, e.g. a key given twice."""
    warnings: list[Problem]

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:
        """`message` at the value of `path`, or at its key."""

    def place(self, path: Path) -> str:
        """A short reference to another value of the same file, such as `line 3`."""

    def written(self, path: Path, value: Any) -> str:
        """The text of a number or truth value as the user wrote it."""


def path_text(path: Path) -> str:
    """`jobs[3].depends_on[0]` of a path."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


class Source:
    """A document with the problems found so far."""

    def __init__(self, document: Document, *, strict: bool = False, folder: str | None = None) -> None:
        self.document = document
        self.data = document.data
        """What the document says, with its variables inserted."""
        self.strict = strict
        self.folder = folder
        """Where the file is, if it is one."""
        self.suggestions = Suggestions()
        self.tables: dict[str, dict[str, list[int | float | str]] | None] = {}
        """Tables of parameters that were read, by the name of their file."""
        self.incomplete: set[str] = set()
        """Kinds of things of which some are missing because of mistakes, so that their names say nothing."""
        self.expanded: set[Path] = set()
        """Places of what was made into several copies."""
        self.united: dict[Path, dict[Path, None]] = {}
        """Place of a job -> places of others of its name, which it has taken in."""
        self.errors = list(document.errors)
        self.warnings: list[Problem] = []
        for problem in document.warnings:
            self._note(problem)

    def error(self, path: Path, message: str, *, key: bool = False) -> None:
        """Note a mistake."""
        self.errors.append(self.document.problem(path, message, key=key))

    def warn(self, path: Path, message: str, *, key: bool = False) -> None:
        """Note something that is allowed and probably not meant."""
        self.warnings.append(self.document.problem(path, message, key=key))

    def ignored(self, path: Path, message: str, *, key: bool = False) -> None:
        """Note what has no effect, as a key that nothing reads: a warning, or an error when strict."""
        self._note(replace(self.document.problem(path, message, key=key), ignored=True))

    def _note(self, doubt: Problem) -> None:
        (self.errors if doubt.ignored and self.strict else self.warnings).append(doubt)
