"""NO_COLOR: nothing on screen has a colour, and everything can still be told apart."""

from __future__ import annotations

import pytest
from rich.color import Color

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, console, driven


def colours(driver: Driver) -> set[Color]:
    """What is painted now, beyond the terminal's own two colours."""
    styles = [segment.style for strip in driver.app.screen._compositor.render_strips() for segment in strip]
    found = {colour for style in styles if style for colour in (style.color, style.bgcolor) if colour}
    return {colour for colour in found if not colour.is_default}


@driven
async def test_without_colour_states_are_words_and_the_cursor_is_a_mark(
    tui_server: ServerProcess, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id, _ = workshop.workflow("grey", {"name": "good"}, {"name": "bad"}, {"name": "below", "after": 1})
    workshop.end(workflow_id, bad=1)
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        assert colours(driver)
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        assert not colours(driver)
        assert [word in driver.text for word in ("✔ completed", "✖ failed", "⊘ canceled")] == [True] * 3
        assert driver.line("good").startswith("▌")
        await driver.press("question_mark")
        assert not colours(driver)
