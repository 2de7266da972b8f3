"""A small form: what a run may use of this machine, and where its output goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torc_core.run_records import RunOptions
from torc_tui.screens.form import Form, FormRow, whole


def _gigabytes(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if number <= 0:
        raise ValueError(f"{text!r} is no number above 0")
    return number


class RunForm(Form[tuple[RunOptions, str]]):
    """Gives the options and the folder that jobs work in."""

    def __init__(
        self, title: str, told: list[str], options: RunOptions, folder: str, *, verb: str, folder_fixed: bool = False
    ) -> None:
        self._folder = folder

        def row(name: str, title: str, read: Any, hint: str) -> FormRow:
            value = getattr(options, name)
            return FormRow(name, title, read, hint, f"{value:g}" if isinstance(value, int | float) else value or "")

        rows = [
            row("max_parallel_jobs", "jobs at once", whole(1), "as many as fit"),
            row("num_cpus", "cpus", whole(1), "all of them"),
            row("memory_gb", "memory, GB", _gigabytes, "all of it"),
            row("num_gpus", "gpus", whole(0), "all of them"),
            row("output_dir", "output folder", str, "output"),
        ]
        if not folder_fixed:
            rows.append(FormRow("folder", "jobs work in", str, "", folder))
        super().__init__(title, told, rows, verb=verb)

    def result(self, values: dict[str, Any]) -> tuple[RunOptions, str]:
        folder = str(Path(values.pop("folder", None) or self._folder).expanduser().absolute())
        if not Path(folder).is_dir():
            raise ValueError("folder", f"{folder} is no folder")
        return RunOptions(**values), folder
