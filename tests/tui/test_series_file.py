"""Samples that a runner kept beside the output, read for a plot."""

from __future__ import annotations

from pathlib import Path

import pytest

from torc_core.models.exchange import Sample
from torc_core.models.failures import AttemptOutput, JobOutput
from torc_core.runner.log import Log
from torc_core.runner.series import Series
from torc_tui import series_file


@pytest.mark.parametrize("folder", ["output", "run #2", "50%25 done?"])
def test_samples_are_read_from_a_folder_of_any_name(folder: str, tmp_path: Path) -> None:
    place = tmp_path / folder
    Series(place, "here", 3, Log()).add(1, [(Sample(7, 1, 50.0, 1024, 1, 5_000), "job")])
    attempts = [AttemptOutput(run=1, attempt=1, status="completed", host="here", output_dir=str(place))]
    output = JobOutput(
        job_id=7, name="job", status="completed", workflow_id=3, workflow="flow", origin=None, attempts=attempts
    )
    found = series_file.read(output, 1, 1, 4_000, 6_000)
    assert found is not None
    assert (found.times_ms, found.cpu_percent, found.memory_bytes) == ([5_000], [50.0], [1024])
