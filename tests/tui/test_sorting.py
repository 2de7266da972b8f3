"""The order of a table, as it is typed."""

from __future__ import annotations

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop, console, driven


@driven
async def test_a_table_is_sorted_by_a_name_typed_after_the_colon(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("sorted", {"name": "b"}, {"name": "c"}, {"name": "a"})
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.go("sort name")
        assert [row["name"] for _, row in sorted(driver.table.rows)] == ["a", "b", "c"]
        await driver.go("sort -name")
        assert [row["name"] for _, row in sorted(driver.table.rows)] == ["c", "b", "a"]
        await driver.go("sort colour")
        assert ":sort colour: sort by id, name, status" in driver.said
