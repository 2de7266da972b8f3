"""What was entered after `:`, here and in consoles before."""

from __future__ import annotations

import asyncio

from torc_tui.kept_list import KeptList

KEPT = KeptList("console_history", 100)


class Entered:
    """See the module. `texts` has each once, the latest last."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def recall(self) -> None:
        """Bring back what was entered in consoles before."""
        before = reversed(await asyncio.to_thread(KEPT.read))
        self.texts[:0] = [each for each in before if each not in self.texts]

    async def add(self, text: str) -> None:
        """This was entered now."""
        self.texts[:] = [*(each for each in self.texts if each != text), text]
        await asyncio.to_thread(KEPT.put, text)
