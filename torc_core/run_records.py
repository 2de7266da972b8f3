"""What is kept of runs on this machine, whoever started them: `torc run` in a shell, or the console.

Each has a folder `$XDG_STATE_HOME/torc/HOST/runs/N`: `run.json` says what was started, `exit.json` how it ended, `said`
is what the runner wrote to stdout and stderr. Nothing else is needed to find a run again.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct, field

from torc_core import local_server
from torc_core.cli.output_folder import runner_logs
from torc_core.host import process_space

KEPT = 200
"""So many runs are remembered; of older ones, those that have ended are forgotten."""

KEPT_VARIABLES = (
    "PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "LOADEDMODULES",
    "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "LANG", "LC_ALL", "TZ", "TMPDIR",
)  # fmt: skip
"""Of the environment, what decides how commands are found and work: kept, so that a run can be repeated as it was."""


class RunOptions(Struct, frozen=True, omit_defaults=True):
    """What a runner offers of this machine, and where output goes; None: what it finds, and `output`."""

    max_parallel_jobs: int | None = None
    num_cpus: int | None = None
    memory_gb: float | None = None
    num_gpus: int | None = None
    output_dir: str | None = None

    def arguments(self) -> list[str]:
        """As torc-runner takes them."""
        named = {
            "--max-parallel-jobs": self.max_parallel_jobs,
            "--num-cpus": self.num_cpus,
            "--memory-gb": self.memory_gb,
            "--num-gpus": self.num_gpus,
        }
        return [text for name, value in named.items() if value is not None for text in (name, str(value))]

    def output_folder(self, folder: str) -> Path:
        """Where output goes when jobs work in `folder`."""
        return Path(folder) / (self.output_dir or "output")

    @property
    def said(self) -> str:
        """In words: `4 at once, 8 cpu, 16 GB`; empty when nothing is chosen."""
        parts = [
            f"{self.max_parallel_jobs} at once" if self.max_parallel_jobs else "",
            f"{self.num_cpus} cpu" if self.num_cpus else "",
            f"{self.memory_gb:g} GB" if self.memory_gb else "",
            f"{self.num_gpus} gpu" if self.num_gpus is not None else "",
        ]
        return ", ".join(part for part in parts if part)


class LocalRun(Struct, kw_only=True):
    """Contents of `run.json`."""

    id: int
    workflow_id: int
    name: str
    run_id: int | None = None
    """The run of the workflow, when it is known."""
    url: str
    folder: str
    options: RunOptions
    environment: dict[str, str] = field(default_factory=dict)
    started: int
    """Milliseconds since 1970; likewise below."""
    pid: int
    process_start: str
    """With the pid and the process space it names the process for good."""
    process_space: str
    by: str = "console"
    """Who started it: `console` or `shell`."""
    logged_before: dict[str, int] | None = None
    """Bytes of the workflow's runner logs when it began, by file name: what follows is its own. None: not known."""

    @property
    def said(self) -> Path:
        """What the process wrote to stdout and stderr."""
        return runs_folder() / str(self.id) / "said"

    @property
    def lives(self) -> bool:
        """Whether its process is there."""
        return self.process_space == process_space() and self.process_start == process_start(self.pid) != ""


class LogPart(NamedTuple):
    """The bytes of a runner's log from `begin` to `end`: what one run has written of it."""

    path: Path
    begin: int
    end: int


class Exit(Struct):
    """Contents of `exit.json`."""

    code: int
    ended: int


def runs_folder() -> Path:
    """Where runs are kept."""
    return local_server.home() / "runs"


def new_folder() -> tuple[int, Path]:
    """A number that no run has, and its folder. OSError when there can be none."""
    runs = runs_folder()
    runs.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = max((int(path.name) for path in runs.iterdir() if path.name.isdigit()), default=0) + 1
    while True:
        try:
            (runs / str(number)).mkdir(mode=0o700)
            return number, runs / str(number)
        except FileExistsError:
            number += 1


def keep(
    number: int,
    pid: int,
    workflow_id: int,
    name: str,
    url: str,
    folder: str,
    options: RunOptions,
    environment: Mapping[str, str],
    *,
    run_id: int | None = None,
    by: str = "console",
) -> LocalRun:
    """Note a run that has just been started. OSError when that cannot be."""
    run = LocalRun(
        id=number,
        workflow_id=workflow_id,
        name=name,
        run_id=run_id,
        url=url,
        folder=folder,
        options=options,
        environment={name: environment[name] for name in KEPT_VARIABLES if name in environment},
        started=int(time.time() * 1000),
        pid=pid,
        process_start=process_start(pid),
        process_space=process_space(),
        by=by,
        logged_before={path.name: log.st_size for path, log in _logs(workflow_id, options.output_folder(folder))},
    )
    _write(runs_folder() / str(number) / "run.json", msgspec.json.format(msgspec.json.encode(run)))
    _forget_old()
    return run


def _logs(workflow_id: int, output: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The logs of a workflow's runners on this machine."""
    for path in runner_logs(output, socket.gethostname(), workflow_id):
        with suppress(OSError):  # it may be removed meanwhile
            yield path, path.stat()


def log_of(run: LocalRun) -> LogPart | None:
    """Where the runner notes what it does, as soon as it does; None when it has not said anything.

    Runners of the same run of a workflow append to the same file.
    """
    after = _logged_after(run)
    parts = []
    for path, status in _logs(run.workflow_id, run.options.output_folder(run.folder)):
        begin = (run.logged_before or {}).get(path.name, 0)
        end = status.st_size if after is None else after.get(path.name, 0)
        if end > begin and status.st_mtime * 1000 >= run.started - 1000:
            parts.append((status.st_mtime, LogPart(path, begin, end)))
    return max(parts, default=(0.0, None))[1]


def _logged_after(run: LocalRun) -> dict[str, int] | None:
    """What the next run that writes to the same folder found; None when there is none, or it began beside this one."""
    if run.lives:
        return None
    end = exit_of(run.id)
    later = [each for number in reversed(_numbers()) if number > run.id and (each := record(number))]
    return next(
        (each.logged_before for each in later if _same_logs(each, run) and (end is None or end.ended <= each.started)),
        None,
    )


def _same_logs(one: LocalRun, other: LocalRun) -> bool:
    """Whether their runners may write to the same logs."""

    def logs(run: LocalRun) -> tuple[str, int, Path]:
        return run.url, run.workflow_id, run.options.output_folder(run.folder)

    return logs(one) == logs(other)


def keep_exit(number: int, code: int) -> None:
    """Note how a run ended. OSError when that cannot be."""
    _write(runs_folder() / str(number) / "exit.json", msgspec.json.encode(Exit(code, int(time.time() * 1000))))


def _write(path: Path, content: bytes) -> None:
    """In one step, readable by the user alone."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


def process_start(pid: int) -> str:
    """When a process began, in a form that only compares; empty when there is none (a zombie counts as none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return ""


def _numbers() -> list[int]:
    try:
        return sorted((int(path.name) for path in runs_folder().iterdir() if path.name.isdigit()), reverse=True)
    except OSError:
        return []


def records() -> list[LocalRun]:
    """All that is kept, the latest first."""
    return [run for number in _numbers() if (run := record(number))]


def record(number: int) -> LocalRun | None:
    """A run, if it is kept."""
    try:
        return msgspec.json.decode((runs_folder() / str(number) / "run.json").read_bytes(), type=LocalRun)
    except (OSError, msgspec.DecodeError):
        return None


def exit_of(number: int) -> Exit | None:
    """How a run ended, as far as that was noted."""
    try:
        return msgspec.json.decode((runs_folder() / str(number) / "exit.json").read_bytes(), type=Exit)
    except (OSError, msgspec.DecodeError):
        return None


def remove(number: int) -> None:
    """Remove what is kept of a run; output of its jobs stays."""
    shutil.rmtree(runs_folder() / str(number), ignore_errors=True)


def _forget_old() -> None:
    for number in _numbers()[KEPT:]:
        run = record(number)
        if run is None or not run.lives:
            remove(number)
