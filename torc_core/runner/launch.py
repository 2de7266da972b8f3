"""Starts the process of a job: a session of its own, files for its output, an environment that says who it is.

`subprocess.Popen` without `preexec_fn` starts it by vfork, whatever the size of the runner (design: Processes).
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torc_core.models.exchange import Assignment
from torc_core.runner.resources import GPU_VARIABLES
from torc_core.runner.sessions import RUNNER_VARIABLE

NOT_FOUND = 127
NOT_STARTED = 126
"""Exit codes of shells for a command that is missing and for one that cannot be started."""

STDERR_TAIL = 2_000
"""Bytes of stderr that travel with a failure."""


class CannotStart(Exception):
    """The process of a job could not be made; `return_code` is 126 or 127, the text says why."""

    def __init__(self, cause: str, return_code: int) -> None:
        super().__init__(cause)
        self.return_code = return_code


class MachineFull(CannotStart):
    """There are no descriptors, processes or memory left to start anything with, which is no fault of the job."""


_FULL = {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class Place:
    """What all jobs of this runner share: workflow, server, folders and variables."""

    workflow_id: int
    api_url: str
    output_dir: Path
    """Absolute."""
    base_dir: Path
    """Where relative working directories start: where the workflow was created."""
    cwd: str | None = None
    """The workflow's own working directory."""
    env: Mapping[str, str] | None = None
    """The workflow's variables."""
    runner_uuid: str = ""


class Launcher:
    """Starts jobs in one Place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stdio = f"{place.output_dir}/job_stdio/job_wf{place.workflow_id}"
        self._cwd = str(place.base_dir / place.cwd) if place.cwd else str(place.base_dir)
        self._bash = shutil.which("bash") or "bash"
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        # Ready-made bytes: Popen would encode every variable again for each job.
        self._env: dict[bytes, bytes] = dict(os.environb)
        self._env.update(_encoded(place.env or {}))
        self._env[b"TORC_API_URL"] = place.api_url.encode()
        self._env[b"TORC_WORKFLOW_ID"] = b"%d" % place.workflow_id
        self._env[RUNNER_VARIABLE.encode()] = place.runner_uuid.encode()
        self._env[b"TORC_OUTPUT_DIR"] = os.fsencode(place.output_dir)

    def close(self) -> None:
        """Release what is held for starting."""
        os.close(self._null)

    def cwd(self, job: Assignment) -> str:
        """Where the job works: its own directory, else the workflow's, else where the workflow was created."""
        return str(self._place.base_dir / job.cwd) if job.cwd else self._cwd

    def stdio(self, job: Assignment) -> str:
        """Path of the job's output files without the endings `.o` and `.e` (runner.md 1.14)."""
        return f"{self._stdio}_j{job.job_id}_r{job.run_id}_a{job.attempt_id}"

    def start(self, job: Assignment, gpus: list[str]) -> subprocess.Popen[bytes]:
        """Start `bash -c COMMAND` for the job on these GPUs; CannotStart says why not."""
        command = f"{job.invocation_script} {job.command}" if job.invocation_script else job.command
        cwd = self.cwd(job)
        out = err = -1
        try:
            out, err = self._files(job)
            return self._bash_runs(command, cwd, out, err, self._environment(job, gpus))
        except (OSError, ValueError) as error:
            raise _cannot_start(error, cwd) from None
        finally:
            for fd in (out, err):
                if fd >= 0:
                    os.close(fd)

    def start_recovery(self, job: Assignment, command: str, return_code: int) -> subprocess.Popen[bytes]:
        """Start the recovery script of a job that failed, where the job worked (runner.md 2.2); CannotStart."""
        env = self._environment(job, [])
        env[b"TORC_RETURN_CODE"] = b"%d" % return_code
        return self._start_other(command, self.cwd(job), Path(self.stdio(job) + "_recovery.o"), env)

    def action_output(self, action_id: int, node_id: int) -> Path:
        """Where what an action writes goes, of all its commands."""
        return self._place.output_dir / "job_stdio" / f"action_wf{self._place.workflow_id}_a{action_id}_n{node_id}.o"

    def start_action(self, command: str, output: Path) -> subprocess.Popen[bytes]:
        """Start a command of a workflow action, in the output folder (runner.md 1.12); CannotStart."""
        return self._start_other(command, str(self._place.output_dir), output, self._env)

    def _start_other(self, command: str, cwd: str, output: Path, env: dict[bytes, bytes]) -> subprocess.Popen[bytes]:
        out = -1
        try:
            out = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            return self._bash_runs(command, cwd, out, out, env)
        except (OSError, ValueError) as error:
            raise _cannot_start(error, cwd) from None
        finally:
            if out >= 0:
                os.close(out)

    def _bash_runs(
        self, command: str, cwd: str, out: int, err: int, env: dict[bytes, bytes]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["bash", "-c", command],
            executable=self._bash,
            stdin=self._null,
            stdout=out,
            stderr=err,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )

    def _files(self, job: Assignment) -> tuple[int, int]:
        """Descriptors for stdout and stderr, as `stdio` asks."""
        mode = job.stdio.mode if job.stdio else "separate"
        path = self.stdio(job)
        out = self._null_again() if mode in ("no_stdout", "none") else _create(path + ".o")
        try:
            if mode == "combined":
                return out, os.dup(out)
            return out, self._null_again() if mode in ("no_stderr", "none") else _create(path + ".e")
        except OSError:
            os.close(out)
            raise

    def _null_again(self) -> int:
        return os.dup(self._null)

    def _environment(self, job: Assignment, gpus: list[str]) -> dict[bytes, bytes]:
        env = self._env.copy()
        if gpus:
            for variable in GPU_VARIABLES:
                env[variable.encode()] = ",".join(gpus).encode()
        if job.env:
            env.update(_encoded(job.env))
        env[b"TORC_JOB_ID"] = b"%d" % job.job_id
        env[b"TORC_JOB_NAME"] = os.fsencode(job.name)
        env[b"TORC_ATTEMPT_ID"] = b"%d" % job.attempt_id
        env[b"TORC_RUN_ID"] = b"%d" % job.run_id
        return env


def _create(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, flags, 0o666)


def stderr_tail(job: Assignment, stdio: str) -> str | None:
    """The end of a job's stderr, of its only file where both go into one; None when nothing of it is kept."""
    combined = job.stdio is not None and job.stdio.mode == "combined"
    try:
        with open(stdio + (".o" if combined else ".e"), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - STDERR_TAIL))
            return file.read(STDERR_TAIL).decode(errors="replace") or None
    except OSError:
        return None


def delete_output(stdio: str) -> None:
    """Delete the files of a job that completed and asked for that."""
    for ending in (".o", ".e"):
        with contextlib.suppress(OSError):
            os.unlink(stdio + ending)


def _encoded(variables: Mapping[str, str]) -> dict[bytes, bytes]:
    return {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}


def _cannot_start(error: OSError | ValueError, cwd: str) -> CannotStart:
    if isinstance(error, ValueError):
        return CannotStart(f"cannot start: {error}", NOT_STARTED)
    if error.filename == cwd:
        return CannotStart(f"working directory {cwd}: {error.strerror}", NOT_FOUND)
    if error.errno == errno.E2BIG:
        return CannotStart("cannot start: command and environment are too long for the system", NOT_STARTED)
    if error.errno in _FULL:
        return MachineFull(f"cannot start: {error.strerror}", NOT_STARTED)
    what = os.fsdecode(error.filename) + ": " if error.filename else ""
    return CannotStart(
        f"cannot start: {what}{error.strerror}", NOT_FOUND if error.errno == errno.ENOENT else NOT_STARTED
    )
