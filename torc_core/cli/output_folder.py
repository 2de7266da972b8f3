"""Where a runner puts what its jobs write, and the names of the files there (runner.md 1.14)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torc_core.models.resources import ComputeNode

DEFAULT = "output"


def output_folder(node: ComputeNode | None, origin: str | None) -> Path:
    """The folder a runner said that it uses; else the default one, where the workflow was created."""
    said = node.scheduler.get("output_dir") if node is not None and isinstance(node.scheduler, dict) else None
    return Path(origin or ".") / (said or DEFAULT)


def stdio_path(folder: str | Path, workflow: int, job: int, run: int, attempt: int, stream: str) -> Path:
    """Where the output of an attempt is; stream `o` or `e`."""
    return Path(folder) / "job_stdio" / f"job_wf{workflow}_j{job}_r{run}_a{attempt}.{stream}"


def runner_log(folder: str | Path, host: str, workflow: int, run: int) -> Path:
    """The log of a runner on this machine."""
    return Path(folder) / f"job_runner_{host}_wf{workflow}_r{run}.log"


def runner_logs(folder: str | Path, host: str, workflow: int) -> Iterator[Path]:
    """The logs of a workflow's runners on this machine that are there, one for each of its runs."""
    return Path(folder).glob(f"job_runner_{host}_wf{workflow}_r*.log")
