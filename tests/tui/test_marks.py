"""What actions mean when rows are marked."""

from __future__ import annotations

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop, console, driven


@driven
async def test_marked_workflows_are_named_as_the_one_under_the_cursor_is(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    one, _ = workshop.workflow("named once", {"name": "a"})
    two, _ = workshop.workflow("named once", {"name": "a"})
    async with console(tui_server.url, view='workflows name="named once"') as driver:
        await driver.press("space", "x")
        await driver.sees(f"Cancel workflow named once ({two})?")
        await driver.press("escape", "space", "x")
        await driver.sees("Cancel 2 workflows?")
        assert {line.strip(" │▌") for line in driver.text.splitlines() if "named once (" in line} == {
            f"named once ({one})",
            f"named once ({two})",
        }
