"""The nearest known word to one that is not known."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

_BUDGET = 50_000


class Suggestions:
    """Finds nearest words, with a bound on the work: a file of 100,000 jobs may hold thousands of wrong names."""

    def __init__(self) -> None:
        self._left = _BUDGET

    def nearest(self, word: str, known: Collection[str]) -> str:
        """`; nearest: "prep"`, or nothing when no known word is near."""
        found = self.nearest_word(word, known)
        return f'; nearest: "{found}"' if found else ""

    def nearest_word(self, word: str, known: Collection[str]) -> str | None:
        """The known word that is nearest, if any is near; one that differs in case only comes first."""
        if self._left <= 0:
            return None
        self._left -= len(known)
        found = (
            [other for other in known if other.lower() == word.lower()]
            or get_close_matches(word, known, n=1, cutoff=0.6)
            or [
                other
                for other in known
                if min(len(word), len(other)) >= 3 and (other.startswith(word) or word.startswith(other))
            ]
        )
        return found[0] if found else None
