"""Why a run could not go on, as it is drawn."""

from __future__ import annotations

from datetime import datetime

from torc_core.run_records import LocalRun, RunOptions
from torc_tui.local_runs import Seen
from torc_tui.rendering.cells import plain
from torc_tui.rendering.columns import Look
from torc_tui.rendering.glyphs import Characters
from torc_tui.rendering.run_view import facts


def test_the_reason_of_a_run_is_told_in_full_on_a_narrow_screen() -> None:
    why = "jobs with requirement 'wide' need 500 CPUs; " + ", ".join(f"node{i} offers 64 CPUs" for i in range(8))
    run = LocalRun(
        id=1, workflow_id=1, name="wide", url="http://127.0.0.1:1", folder="here", options=RunOptions(), started=1_000,
        pid=1, process_start="", process_space="",
    )  # fmt: skip
    lines = facts(Seen(run, "failed", "stuck", why, 2_000), Look(Characters(), datetime.now()), width=60)
    told = [plain(line) for line in lines]
    assert all(len(line) <= 60 for line in told[:-5])  # the last five name folders and such, however long
    assert why in " ".join(" ".join(line.split()) for line in told)
