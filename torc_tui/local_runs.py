"""Local runs: processes on this machine, which go on when the console is left. Found again from any console.

What is kept of a run, also of one that `torc run` started in a shell, is in `torc_core/run_records.py`; the exit code
of those that the console starts is written by `kept_runner`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from torc_core import run_records
from torc_core.client.http import Address
from torc_core.config import load_config
from torc_core.errors import TorcError
from torc_core.host import process_space
from torc_core.run_records import LocalRun, RunOptions, runs_folder


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

    @property
    def broke_off(self) -> bool:
        """It ended before it had tried what is left, and nobody told it to."""
        return self.status == "failed" and self.word != "incomplete"


def default_options() -> RunOptions:
    """What the configuration says for `torc run`."""
    run = load_config().client.run
    return RunOptions(run.max_parallel_jobs, run.num_cpus, run.memory_gb, run.num_gpus, run.output_dir)


def last_options(workflow_id: int, url: str) -> RunOptions:
    """What this workflow was last run with from a console, else the defaults; output goes where it went last.

    Limits that `torc run` was given are for that one run: the next `torc run` does not keep them either.
    """
    earlier = [run for run in run_records.records() if (run.workflow_id, run.url) == (workflow_id, url)]
    chosen = next((run.options for run in earlier if run.by == "console"), default_options())
    return structs.replace(chosen, output_dir=earlier[0].options.output_dir) if earlier else chosen


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
    try:
        number, place = run_records.new_folder()
    except OSError as error:
        raise TorcError(f"runs cannot be kept in {runs_folder()}: {error.strerror}; set XDG_STATE_HOME") from None
    variables = {**os.environ, **(environment or {})}
    command = [sys.executable, "-P", "-m", "torc_tui.kept_runner", str(place / "exit.json"), "--url", address.url]
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
    try:
        return run_records.keep(
            number, process.pid, workflow_id, name, address.url, folder, options, variables, run_id=run_id
        )
    except OSError as error:
        process.terminate()  # nobody would find it again
        raise TorcError(f"runs cannot be kept in {runs_folder()}: {error.strerror}; nothing was started") from None


def runs() -> list[Seen]:
    """All runs as they are now, the latest first. Reads files: to be called in a thread."""
    return [_seen(run) for run in run_records.records()]


def find(number: int) -> Seen:
    """A run as it is now. TorcError when it is not known."""
    run = run_records.record(number)
    if run is None:
        raise TorcError(f"there is no local run {number}; :runs lists them")
    return _seen(run)


def active() -> list[Seen]:
    """The runs that go on."""
    return [seen for seen in runs() if seen.active]


def parting() -> str | None:
    """What is said on leaving the console."""
    count = len(active())
    if not count:
        return None
    if count == 1:
        return "1 local run goes on; torc tui shows it again"
    return f"{count} local runs go on; torc tui shows them again"


_ENDS = {
    0: ("completed", "done", ""),
    1: ("failed", "incomplete", "some jobs did not complete"),
    2: ("failed", "not started", "it was refused"),
    3: ("failed", "stuck", "it cannot go on"),
    130: ("canceled", "stopped", "it was told to stop"),
}
"""Exit code of torc-runner -> status for the glyph, word, sentence."""


def _seen(run: LocalRun) -> Seen:
    if run.lives:
        return Seen(run, "running", "running")
    end = run_records.exit_of(run.id)
    if end is None:
        gone = "this machine was restarted" if run.process_space != process_space() else "its process was killed"
        if run.by == "shell":
            gone = f"{gone}, or 'torc run' was"
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
        raise TorcError(f"local run {number} has ended already")
    os.kill(seen.run.pid, signal.SIGTERM)


def forget(number: int) -> None:
    """Remove what is kept of a run that has ended; output of its jobs stays. TorcError when it goes on."""
    if find(number).active:
        raise TorcError(f"local run {number} goes on; stop it first")
    run_records.remove(number)
