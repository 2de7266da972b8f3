"""The names of one kind of thing, and what refers to them: by name, or by a regular expression (spec.md 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torc_core.spec.document import Path, Source
from torc_core.spec.patterns import searcher
from torc_core.spec.values import quoted

Report = Callable[[Path, str], None]
"""Notes a mistake at a place."""


class Names:
    """The names of one kind of thing, in the order of the file."""

    def __init__(self, kind: str, source: Source, things: Iterable[tuple[str | None, Path]]) -> None:
        self.kind = kind
        self._source = source
        self._places: dict[str, Path] = {}
        self._matches: dict[str, list[str]] = {}
        for name, place in things:
            if name:
                self._add(name, place)

    def _add(self, name: str, place: Path) -> None:
        """Enter a name; a second thing of the same name is an error. Things without a name were reported before."""
        first = self._places.setdefault(name, place)
        if first is not place:
            line = self._source.document.place((*first, "name"))
            self._source.error((*place, "name"), f"{self.kind} {quoted(name)} exists twice; first at {line}")

    @property
    def incomplete(self) -> bool:
        """Whether some are missing because of mistakes, so that nothing can be said of names that are not found."""
        return self.kind in self._source.incomplete

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def check(self, name: str, reference: str, path: Path, report: Report) -> bool:
        """Whether `name` is known; an error with the nearest name when not. `reference` is what the user wrote."""
        if name in self._places:
            return True
        if not self.incomplete:
            report(path, f"{reference} names no {self.kind}{self._source.suggestions.nearest(name, self._places)}")
        return False

    def nearest(self, name: str) -> str | None:
        """The known name that is nearest to one that is not known, if any is near."""
        return self._source.suggestions.nearest_word(name, self._places)

    def search(self, pattern: str) -> list[str]:
        """The names in which the regex is found anywhere; ValueError when it is no regex."""
        if pattern not in self._matches:
            try:
                found = searcher(pattern)
            except ValueError as error:
                raise ValueError(f"{quoted(pattern)} is no regular expression: {error}") from None
            self._matches[pattern] = [name for name in self._places if found(name)]
        return self._matches[pattern]

    def matching(self, pattern: str, key: str, path: Path, report: Report) -> list[str]:
        """Likewise; it is an error when the regex is none or finds nothing."""
        try:
            found = self.search(pattern)
        except ValueError as error:
            report(path, f"{key} {error}")
            return []
        if not found and not self.incomplete:
            report(path, f"{key} {quoted(pattern)} matches no {self.kind}")
        return found
