"""Files of a workflow are edited and looked at from their table."""

from __future__ import annotations

from pathlib import Path

import pytest
from server_process import ServerProcess

from tests.tui.driver import Workshop, console, driven


@driven
async def test_a_file_is_edited_where_the_workflow_was_made(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "steps").mkdir()
    script = tmp_path / "steps" / "count.sh"
    script.write_text("wc -w wrods.txt\n")
    monkeypatch.setenv("EDITOR", "sed -i s/wrods/words/")
    workflow_id, _ = workshop.workflow("mend", {"name": "count"}, origin=str(tmp_path))
    for name, path in (("script", "steps/count.sh"), ("words", "words.txt")):
        workshop.http.post("/files", json={"workflow_id": workflow_id, "name": name, "path": path}).raise_for_status()
    async with console(tui_server.url, view=f"files {workflow_id}") as driver:
        await driver.press("home", "e")
        assert driver.said == "✔ count.sh is changed"
        assert script.read_text() == "wc -w words.txt\n"
        await driver.press("down", "e")
        assert "words.txt is not on this machine" in driver.said
