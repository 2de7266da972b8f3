"""A server and workflows of our own in a scratch folder, and what the processes of a run cost."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

BIN = Path(sys.executable).parent
SHM = Path("/dev/shm")
COMMAND = ": $TORC_JOB_ID; true"
"""What every measured job does: use its environment, succeed."""


@dataclass
class Cost:
    """One run: seconds of wall time, CPU seconds of server and of runner (not of the jobs)."""

    wall: float
    server_cpu: float
    runner_cpu: float


@dataclass
class Command:
    """One command of ours: wall and CPU seconds, and the most memory that its process had at once."""

    seconds: float
    cpu: float
    peak_mb: float


class Lab:
    """A scratch folder on one file system, with a server that keeps its database there.

    `code` is where the packages are when not these are measured but those of another commit.
    """

    def __init__(self, root: Path, code: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="torc-bench-", dir=root))
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("TORC_")}
        self.env |= {"XDG_STATE_HOME": str(self.folder / "state"), "XDG_CONFIG_HOME": str(self.folder / "config")}
        if code is not None:
            self.env["PYTHONPATH"] = str(code.resolve())
        self.database = self.folder / "bench.db"
        self.server: subprocess.Popen[str] | None = None

    def start_server(self, port: str = "0") -> None:
        """Start the server and wait until it says its port, a free one unless told which."""
        with open(self.folder / "server.log", "w") as log:
            self.server = subprocess.Popen(
                [BIN / "torc-server", "run", "--port", port, "--no-auth", "--database", str(self.database)],
                env=self.env,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.server.stdout is not None
        port = self.server.stdout.readline().strip().removeprefix("TORC_SERVER_PORT=")
        self.env["TORC_API_URL"] = f"http://127.0.0.1:{port}/torc-service/v1"

    def close(self) -> None:
        """Stop the server, remove everything."""
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(30)
        shutil.rmtree(self.folder)

    def stop_local_server(self) -> None:
        """Stop the user's own server that `torc run` started here."""
        subprocess.run([BIN / "torc", "server", "stop"], env=self.env, check=True, capture_output=True)

    def seconds(self, *command: str) -> float:
        """Wall seconds of one command of ours."""
        before = time.perf_counter()
        subprocess.run([BIN / command[0], *command[1:]], env=self.env, check=True, capture_output=True)
        return time.perf_counter() - before

    def measure(self, *args: str | Path) -> Command:
        """Run a `torc` command to its end. Raises when it fails."""
        before = time.perf_counter()
        with open(self.folder / "command.log", "w") as log:
            process = subprocess.Popen([BIN / "torc", *args], env=self.env, cwd=self.folder, stdout=log, stderr=log)
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - before
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"torc {args} exited {process.returncode}: {Path(log.name).read_text()[-500:]}")
        return Command(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)

    def begin(self, path: Path) -> subprocess.Popen[bytes]:
        """Start a `torc run` and do not wait for it."""
        command = [str(BIN / "torc"), "run", str(path), "--num-cpus", "2", "-o", str(self.folder / "output")]
        return subprocess.Popen(
            command, env=self.env, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def write(self, name: str, jobs: list[dict[str, object]]) -> Path:
        """A workflow file (JSON)."""
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({"name": name, "jobs": jobs}))
        return path

    def torc(self, *args: str | Path, cpus: int = 2) -> float:
        """Run a `torc run` to its end; returns wall seconds. Raises when it fails."""
        command = [BIN / "torc", "run", *args, "--num-cpus", str(cpus), "-o", str(self.folder / "output")]
        before = time.perf_counter()
        done = subprocess.run(command, env=self.env, cwd=self.folder, capture_output=True, text=True)
        wall = time.perf_counter() - before
        if done.returncode:
            raise RuntimeError(f"torc run exited {done.returncode}: {done.stdout[-500:]} {done.stderr[-500:]}")
        return wall

    def run(self, path: Path) -> Cost:
        """Run a workflow file on two slots."""
        assert self.server is not None
        before = cpu_seconds(self.server.pid)
        wall = self.torc(path)
        return Cost(wall, cpu_seconds(self.server.pid) - before, self._runner_cpu())

    def _runner_cpu(self) -> float:
        """The runner's own CPU seconds, from the last line of its log."""
        newest = max((self.folder / "output").glob("job_runner_*.log"), key=lambda p: p.stat().st_mtime)
        found = re.findall(r"cpu_s=([0-9.]+)", newest.read_text())
        return float(found[-1])

    def query(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        """Read the server's database."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as conn:
            return conn.execute(sql, params).fetchall()

    def stamps(self, workflow_id: int) -> list[float]:
        """The time stamps (seconds since 1970) that the jobs of a workflow wrote as their output, ascending."""
        files = (self.folder / "output" / "job_stdio").glob(f"job_wf{workflow_id}_*.o")
        return sorted(float(text) for file in files if (text := file.read_text()))

    def last_workflow(self) -> int:
        return int(self.query("SELECT max(id) FROM workflow")[0][0])


@contextlib.contextmanager
def lab(root: Path, code: Path | None = None) -> Iterator[Lab]:
    """A lab with its server running."""
    it = Lab(root, code)
    try:
        it.start_server()
        yield it
    finally:
        it.close()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its children not counted."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1000 if match else 0.0


def peak_mb(pid: int) -> float:
    """The most resident memory in MB that a process has had."""
    match = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1000 if match else 0.0


SAMPLE_EVERY_S = 0.5
"""How often memory is looked at while something runs for a length of time that the caller gives."""


def runner_mb(run: subprocess.Popen[bytes], until: float) -> float:
    """The most resident memory in MB that the runner below a `torc run` had until this moment."""
    most = 0.0
    while time.perf_counter() < until:
        for process in psutil.Process(run.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error, OSError):
                if any("runner" in part for part in process.cmdline()):
                    most = max(most, resident_mb(process.pid))
        time.sleep(SAMPLE_EVERY_S)  # a look more often would be work that is measured with the runner
    return most


def independent(n: int) -> list[dict[str, object]]:
    return [{"name": f"job_{i}", "command": COMMAND} for i in range(n)]


def chain(n: int) -> list[dict[str, object]]:
    """Each job writes its own time stamp (microseconds, bash's clock) and waits for the one before."""
    return [
        {"name": f"step_{i}", "command": ": $TORC_JOB_ID; echo $EPOCHREALTIME"}
        | ({"depends_on": [f"step_{i - 1}"]} if i else {})
        for i in range(n)
    ]


def fdatasync_ms(folder: Path, n: int = 200) -> float:
    """Median milliseconds of a 4 kB append with fdatasync in this folder."""
    path = folder / "fdatasync"
    times = []
    with open(path, "ab", buffering=0) as file:
        for _ in range(n):
            before = time.perf_counter()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - before) * 1000)
    path.unlink()
    return statistics.median(times)
