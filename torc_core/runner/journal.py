"""The journal: results of jobs, kept beside their output until the server has them (design: section 4).

One file a runner, `.journal_wfW_UUID.jsonl` in the output folder; its first line says whose it is, further ones are
results, or lists of (job, attempt) pairs that the server has acknowledged. The runner holds a lock on it as long as it
lives, and removes it when nothing is left to deliver. Whoever finds one that is not locked delivers it.

Lines are written when a job ends, before it is reported, so the death of the runner loses none. They are synced to disk
only while the server is away: in between, a power cut costs no more than the results of the last moment, and their jobs
run once more. A line that was cut off is no problem.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from torc_core.crash import crash_point
from torc_core.models.exchange import Attempt, AttemptResult
from torc_core.models.late import LateAnswer, LateResults
from torc_core.runner.log import Log
from torc_core.runner.sessions import kill_left_behind

LARGE = 1 << 18
"""Bytes after which a file whose results have all been acknowledged begins anew."""

MOST = 1_000
"""Results delivered in one call."""

_encode = msgspec.json.encode
_result = msgspec.json.Decoder(AttemptResult).decode
_attempts = msgspec.json.Decoder(list[Attempt]).decode


class Head(msgspec.Struct):
    """The first line: whose results these are."""

    database_uuid: str | None
    workflow_id: int
    node_id: int
    uuid: str


class Unwanted(msgspec.Struct):
    """A result that the server would not take, as it is kept beside the output, and what the server said."""

    refusal: str
    result: AttemptResult


class Journal:
    """The journal of this runner; to be used by one thread. A disk that refuses costs its lines, never the jobs."""

    def __init__(self, output_dir: Path, head: Head, log: Log) -> None:
        self.path = output_dir / f".journal_wf{head.workflow_id}_{head.uuid}.jsonl"
        self.unwanted_path = output_dir / f"refused_results_wf{head.workflow_id}.jsonl"
        self.undelivered: set[Attempt] = set()
        self._log = log
        self._head = _encode(head) + b"\n"
        self._lines: list[bytes] = []
        self._size = 0
        self._unsynced = False
        self._refused = False
        self._fd = self._open()

    def _open(self) -> int:
        """The new file, locked before anybody can find it; -1 when the disk does not take it."""
        new = self.path.with_suffix(".new")
        try:
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(fd, self._head)
            new.rename(self.path)
        except OSError as error:
            self._refuse(error)
            return -1
        return fd

    def ended(self, attempt: Attempt, result: AttemptResult) -> None:
        """Keep a result."""
        self.undelivered.add(attempt)
        if self._fd >= 0:
            self._lines.append(_encode(result) + b"\n")

    def refused(self, attempt: Attempt, result: AttemptResult, instead: AttemptResult, refusal: str) -> None:
        """Keep a result that the server will never take in a file of its own, and `instead` here."""
        told = f"result of job_id={attempt.job_id} attempt_id={attempt.attempt_id} refused by the server: {refusal}"
        try:
            with open(self.unwanted_path, "ab") as file:
                file.write(_encode(Unwanted(refusal, result)) + b"\n")
            self._log.error(f"{told}; it is kept in {self.unwanted_path}, and only how it ended is told")
        except OSError as error:
            self._log.error(f"{told}; it cannot be kept in {self.unwanted_path}: {error.strerror}")
        self.ended(attempt, instead)

    def acknowledged(self, attempts: list[Attempt]) -> None:
        """The server has these."""
        self.undelivered.difference_update(attempts)
        if not attempts or self._fd < 0:
            return
        if self.undelivered or self._size <= LARGE:
            self._lines.append(_encode(attempts) + b"\n")
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
            self._size = 0
            self._lines = [self._head]

    def write(self) -> None:
        """Hand what was told since the last time to the system."""
        if not self._lines:
            return
        crash_point("runner.journal.before")
        data = b"".join(self._lines)
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            self._refuse(error)
            return
        self._lines = [data[written:]] if written < len(data) else []
        self._size += written
        self._unsynced = True
        crash_point("runner.journal.written")

    def sync(self) -> None:
        """Have what was written survive a power cut."""
        if self._unsynced and self._fd >= 0:
            self._unsynced = False
            with contextlib.suppress(OSError):
                os.fsync(self._fd)

    def close(self) -> None:
        """The runner ends: the file goes, unless it holds what the server does not have."""
        self.write()
        self.sync()
        with contextlib.suppress(OSError):
            if not self.undelivered:
                self.path.unlink()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _refuse(self, error: OSError) -> None:
        """Say once that the disk does not take it. What was told meanwhile is kept, and tried with the next line."""
        if not self._refused:
            self._log.warn(f"The journal {self.path} cannot be written: {error.strerror}; results are kept in memory")
        self._refused = True


def found(output_dir: Path, workflow_id: int) -> list[Path]:
    """The journals of a workflow, of live runners too."""
    return sorted(output_dir.glob(f".journal_wf{workflow_id}_*.jsonl"))


def deliver(
    output_dir: Path, workflow_id: int, database_uuid: str | None, send: Callable[[int, LateResults], LateAnswer]
) -> tuple[int, int]:
    """Deliver what runners of this workflow that are dead left in the folder; returns (delivered, refused).

    What is left of their jobs on this host is killed: it can be, when runner and guard died in the same moment.
    `send` gets the dead runner's node id and results, and raises what keeps it from delivering them.
    """
    delivered = refused = 0
    for path, head, results in _left_behind(output_dir, workflow_id):
        if database_uuid not in (None, head.database_uuid):
            continue
        kill_left_behind(head.uuid)
        for i in range(0, len(results), MOST):
            answer = send(head.node_id, LateResults(head.uuid, results[i : i + MOST]))
            refused += len(answer.refused)
            crash_point("runner.journal.delivered")
        delivered += len(results)
        path.unlink(missing_ok=True)
    return delivered - refused, refused


def _left_behind(output_dir: Path, workflow_id: int) -> Iterator[tuple[Path, Head, list[AttemptResult]]]:
    """The journals of runners that are gone, each locked while the caller looks at it."""
    for path in found(output_dir, workflow_id):
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(open(path, "rb+"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # its runner lives, or another process delivers it
            head, results = read(file.read())
            if head is None:
                path.unlink(missing_ok=True)  # its runner died before it had anything to tell
            else:
                yield path, head, results


def read(content: bytes) -> tuple[Head | None, list[AttemptResult]]:
    """Whose journal it is, and what the server may not have; lines that were cut off are left out."""
    first, *lines = content.split(b"\n")
    try:
        head = msgspec.json.decode(first, type=Head)
    except msgspec.DecodeError:
        return None, []
    results: dict[Attempt, AttemptResult] = {}
    for line in lines:
        with contextlib.suppress(msgspec.DecodeError):
            if line.startswith(b"["):
                for attempt in _attempts(line):
                    results.pop(attempt, None)
            elif line:
                result = _result(line)
                results[Attempt(result.job_id, result.attempt_id)] = result
    return head, list(results.values())
