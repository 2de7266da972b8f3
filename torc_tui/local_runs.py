"""Runners on this machine that the console starts: processes of their own, which go on when the console is left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from msgspec import Struct, json

from torc_core.client.http import Address
from torc_core.config import load_config, state_dir
from torc_core.errors import TorcError


class LocalRun(Struct):
    """A runner that was started here, as it is kept in `$XDG_STATE_HOME/torc/runs`."""

    workflow_id: int
    name: str
    pid: int
    url: str
    folder: str
    output_dir: str
    started: float
    log: str


def runs_folder() -> Path:
    """Where runs are kept: one JSON file and one log each."""
    return state_dir() / "runs"


def start_run(address: Address, workflow_id: int, name: str, folder: str) -> LocalRun:
    """Start a runner for a workflow in the folder it was created from. TorcError when that cannot be."""
    if not Path(folder).is_dir():
        raise TorcError(f"the folder of workflow {workflow_id}, {folder}, is not on this machine; run it where it is")
    options = load_config().client.run
    output_dir = str(Path(folder) / (options.output_dir or "output"))
    runs = runs_folder()
    runs.mkdir(parents=True, exist_ok=True)
    stem = f"{workflow_id}-{time.time_ns()}"
    log = runs / f"{stem}.log"
    command = [sys.executable, "-m", "torc_core.runner.main", "--url", address.url, "--workflow", str(workflow_id)]
    command += ["--output-dir", output_dir]
    for option, value in (
        ("--max-parallel-jobs", options.max_parallel_jobs),
        ("--num-cpus", options.num_cpus),
        ("--memory-gb", options.memory_gb),
        ("--num-gpus", options.num_gpus),
    ):
        if value is not None:
            command += [option, str(value)]
    environment = {**os.environ, **({"TORC_PASSWORD": address.password} if address.password else {})}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    run = LocalRun(workflow_id, name, process.pid, address.url, folder, output_dir, time.time(), str(log))
    (runs / f"{stem}.json").write_bytes(json.encode(run))
    return run
