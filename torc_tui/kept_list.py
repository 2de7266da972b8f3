"""Lists of texts that outlive the console: small files in the user's state folder. To be called in threads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from torc_core.config import state_dir


@dataclass(frozen=True, slots=True)
class KeptList:
    """Texts, each once, the latest first. What cannot be read or written is not kept."""

    name: str
    """Of the file, without its ending."""
    most: int
    """So many texts are kept."""

    @property
    def _file(self) -> Path:
        return state_dir() / f"{self.name}.json"

    def read(self) -> list[str]:
        """What is kept."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=list[str])
        except (OSError, msgspec.DecodeError):
            return []

    def put(self, text: str) -> None:
        """Keep a text as the latest one."""
        file = self._file
        texts = [text, *(each for each in self.read() if each != text)][: self.most]
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary = file.with_suffix(".new")
            temporary.write_bytes(msgspec.json.encode(texts))
            temporary.replace(file)
        except OSError:
            return
