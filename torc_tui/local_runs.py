"""Runs on this machine that the console starts: processes of their own, which go on when the console is left.

Each has a folder `$XDG_STATE_HOME/torc/HOST/runs/N`: `run.json` says what was started, `exit.json` how it ended
(written by `kept_runner`), `said` is what the process wrote. Nothing else is needed to find a run again, from any
console.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct, field

from torc_core import local_server
from torc_core.cli.output_folder import runner_log
from torc_core.client.http import Address
from torc_core.config import load_config
from torc_core.errors import TorcError
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
        return [text for name, value in named.items() if value is not None for text in (name, f"{value:g}")]

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
    run_id: int | None
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

    def runner_log(self) -> Path | None:
        """Where the runner notes what it does, as soon as it does. Looks for files: to be called in a thread.

        A workflow that never ran may have run 0 when its runner starts, which then begins run 1: the latest log counts.
        """
        folder, host = self.options.output_folder(self.folder), socket.gethostname()
        if self.run_id and (expected := runner_log(folder, host, self.workflow_id, self.run_id)).exists():
            return expected
        logs = [(path.stat().st_mtime, path) for path in folder.glob(f"job_runner_{host}_wf{self.workflow_id}_r*.log")]
        mtime, latest = max(logs, default=(0.0, None))
        return latest if mtime * 1000 >= self.started - 1000 else None

    @property
    def said(self) -> Path:
        """What the process wrote to stdout and stderr."""
        return runs_folder() / str(self.id) / "said"


class Exit(Struct):
    """Contents of `exit.json`."""

    code: int
    ended: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as it is now: `status` and `word` for the screen, `why` in a sentence when it did not go well."""

    run: LocalRun
    status: str
    word: str
    why: str = ""
    ended: int | None = None

    @property
    def active(self) -> bool:
        return self.status == "running"


def runs_folder() -> Path:
    """Where runs are kept."""
    return local_server.home() / "runs"


def default_options() -> RunOptions:
    """What the configuration says for `torc run`."""
    run = load_config().client.run
    return RunOptions(run.max_parallel_jobs, run.num_cpus, run.memory_gb, run.num_gpus, run.output_dir)


def last_options(workflow_id: int, url: str) -> RunOptions:
    """What this workflow was last run with here, else the defaults."""
    return next(
        (run.options for run in _records() if (run.workflow_id, run.url) == (workflow_id, url)), default_options()
    )


def start_run(
    address: Address,
    workflow_id: int,
    name: str,
    folder: str,
    *,
    options: RunOptions | None = None,
    run_id: int | None = None,
    environment: dict[str, str] | None = None,
) -> LocalRun:
    """Start a runner for a workflow in the folder it was created from. TorcError when that cannot be.

    `environment` has variables of an earlier run; the others are this console's.
    """
    if not Path(folder).is_dir():
        raise TorcError(f"the folder of workflow {workflow_id}, {folder}, is not on this machine; run it where it is")
    options = options or last_options(workflow_id, address.url)
    number, place = _new_folder()
    variables = {**os.environ, **(environment or {})}
    command = [sys.executable, "-m", "torc_tui.kept_runner", str(place / "exit.json"), "--url", address.url]
    command += ["--workflow", str(workflow_id), *options.arguments()]
    command += ["--output-dir", str(options.output_folder(folder))]
    try:
        with (place / "said").open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=variables | ({"TORC_PASSWORD": address.password} if address.password else {}),
                start_new_session=True,
            )
    except OSError as error:
        raise TorcError(f"a runner cannot be started: {error.strerror}") from None
    run = LocalRun(
        id=number,
        workflow_id=workflow_id,
        name=name,
        run_id=run_id,
        url=address.url,
        folder=folder,
        options=options,
        environment={name: variables[name] for name in KEPT_VARIABLES if name in variables},
        started=int(time.time() * 1000),
        pid=process.pid,
        process_start=_process_start(process.pid),
        process_space=process_space(),
    )
    _write(place / "run.json", msgspec.json.format(msgspec.json.encode(run)))
    _forget_old()
    return run


def _new_folder() -> tuple[int, Path]:
    """A number that no run has, and its folder."""
    runs = runs_folder()
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = max((int(path.name) for path in runs.iterdir() if path.name.isdigit()), default=0) + 1
        while True:
            try:
                (runs / str(number)).mkdir(mode=0o700)
                return number, runs / str(number)
            except FileExistsError:
                number += 1
    except OSError as error:
        raise TorcError(f"runs cannot be kept in {runs}: {error.strerror}; set XDG_STATE_HOME") from None


def _write(path: Path, content: bytes) -> None:
    """In one step, readable by the user alone."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


def _process_start(pid: int) -> str:
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


def _lives(run: LocalRun) -> bool:
    return run.process_space == process_space() and run.process_start == _process_start(run.pid) != ""


def _records() -> list[LocalRun]:
    """All that is kept, the latest first."""
    try:
        numbers = sorted((int(path.name) for path in runs_folder().iterdir() if path.name.isdigit()), reverse=True)
    except OSError:
        return []
    return [run for number in numbers if (run := _record(number))]


def _record(number: int) -> LocalRun | None:
    try:
        return msgspec.json.decode((runs_folder() / str(number) / "run.json").read_bytes(), type=LocalRun)
    except (OSError, msgspec.DecodeError):
        return None


def runs() -> list[Seen]:
    """All runs as they are now, the latest first. Reads files: to be called in a thread."""
    return [_seen(run) for run in _records()]


def find(number: int) -> Seen:
    """A run as it is now. TorcError when it is not known."""
    run = _record(number)
    if run is None:
        raise TorcError(f"there is no run {number} on this machine; :runs lists them")
    return _seen(run)


def active() -> list[Seen]:
    """The runs that go on."""
    return [seen for seen in runs() if seen.active]


def parting() -> str | None:
    """What is said on leaving the console."""
    count = len(active())
    if not count:
        return None
    return "1 run goes on; torc tui shows it again" if count == 1 else f"{count} runs go on; torc tui shows them again"


_ENDS = {
    0: ("completed", "done", ""),
    1: ("failed", "incomplete", "some jobs did not complete"),
    2: ("failed", "not started", "it was refused"),
    3: ("failed", "stuck", "it cannot go on"),
    130: ("canceled", "stopped", "it was told to stop"),
}
"""Exit code of torc-runner -> status for the glyph, word, sentence."""


def _seen(run: LocalRun) -> Seen:
    if _lives(run):
        return Seen(run, "running", "running")
    try:
        end = msgspec.json.decode((runs_folder() / str(run.id) / "exit.json").read_bytes(), type=Exit)
    except (OSError, msgspec.DecodeError):
        gone = "this machine was restarted" if run.process_space != process_space() else "its process was killed"
        return Seen(run, "failed", "lost", f"{gone}; what had not ended is run again by 'r'")
    status, word, why = _ENDS.get(end.code, ("failed", "killed", f"killed by signal {end.code - 128}"))
    if end.code not in _ENDS and end.code < 128:
        word, why = "failed", f"exit code {end.code}"
    last = _last_said(run) if why and end.code != 130 else ""
    return Seen(run, status, word, last or why, end.ended)


def _last_said(run: LocalRun) -> str:
    try:
        lines = run.said.read_bytes()[-4000:].decode(errors="replace").split("\n")
    except OSError:
        return ""
    said = [line.removeprefix("torc-runner: ").strip() for line in lines if line.strip()]
    return said[-1] if said else ""


def stop(number: int) -> None:
    """Tell a run to stop its jobs and to end; told again, it kills them. TorcError when it does not run."""
    seen = find(number)
    if not seen.active:
        raise TorcError(f"run {number} has ended already")
    os.kill(seen.run.pid, signal.SIGTERM)


def forget(number: int) -> None:
    """Remove what is kept of a run that has ended; output of its jobs stays. TorcError when it goes on."""
    if find(number).active:
        raise TorcError(f"run {number} goes on; stop it first")
    _remove(number)


def _remove(number: int) -> None:
    import shutil

    shutil.rmtree(runs_folder() / str(number), ignore_errors=True)


def _forget_old() -> None:
    for run in _records()[KEPT:]:
        if not _lives(run):
            _remove(run.id)
