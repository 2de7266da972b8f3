"""Some lines to read."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult

from torc_tui.rendering.cells import Line, wrapped
from torc_tui.widgets.box import Box, Dialog, text_lines, widest


class Notice(Dialog[None]):
    """Any key closes it."""

    def __init__(self, title: str, lines: list[str]) -> None:
        super().__init__()
        self.heading = title
        self.told = lines

    def compose(self) -> ComposeResult:
        size = self.app.size
        width = min(90, size.width - 8)
        lines: list[Line] = [[(part, "text")] for line in self.told for part in wrapped(line, width)]
        with Box() as box:
            box.border_title = self.heading
            box.border_subtitle = "any key closes"
            box.set_class(self.app.characters.ascii, "-ascii")
            box.styles.width = min(max(widest(lines) + 5, len(self.heading) + 8), size.width - 2)
            yield from text_lines(lines[: size.height - 4])

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss(None)
