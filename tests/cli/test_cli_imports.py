"""Commands without a screen work where neither Textual nor Litestar can be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server_process import ServerProcess

BLOCK = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("textual", "litestar"):
            raise ImportError(f"{name} is not wanted here")
sys.meta_path.insert(0, Missing())
"""

FLOW = """\
name: headless
jobs:
  - {name: one, command: "true"}
  - {name: two, command: "true", depends_on: [one]}
"""


@pytest.fixture
def without(tmp_path: Path) -> dict[str, str]:
    """An environment in which both are missing, for torc and all that it starts."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(BLOCK)
    return {**os.environ, "PYTHONPATH": str(tmp_path / "hook"), "XDG_STATE_HOME": str(tmp_path / "state")}


def test_a_workflow_is_checked_run_and_looked_at_without_textual_and_litestar(
    shared_server: ServerProcess, tmp_path: Path, without: dict[str, str]
) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW)

    def torc(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "torc_core.cli.main", "--url", shared_server.url, *words]
        return subprocess.run(command, cwd=tmp_path, env=without, capture_output=True, text=True, check=False)

    for words in (
        ("workflows", "create", "flow.yaml", "--dry-run"), ("run", "flow.yaml"), ("workflows", "list"),
        ("jobs", "list", "headless"), ("results", "list", "headless"), ("explain", "two"),
    ):  # fmt: skip
        told = torc(*words)
        assert told.returncode == 0, told.stderr
    told = torc("tui", "--once")
    assert told.returncode != 0
    assert "textual is not wanted here" in told.stderr
