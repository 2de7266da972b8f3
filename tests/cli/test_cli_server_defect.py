"""`torc run` beside a server that fails over its runner's calls: said while it lasts, and the run goes on after it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

from tests.cli.torc_command import Torc
from tests.server_process import ServerProcess


def set_env(server: ServerProcess, workflow: int, env: str | None) -> None:
    """What the workflow's jobs are said to have as their environment; `[` is what the server cannot read."""
    with closing(sqlite3.connect(server.database, timeout=10)) as database, database:
        database.execute("UPDATE job SET env = ? WHERE workflow_id = ?", (env, workflow))


def test_a_server_that_answers_500_is_said_at_once_with_the_place_of_the_log(
    torc: Torc, shared_server: ServerProcess
) -> None:
    number = torc.create("name: w\njobs: [{name: a, command: 'true'}]\n")
    torc("workflows", "initialize", number)
    set_env(shared_server, number, "[")
    command = [sys.executable, "-m", "torc_core.cli.main", "run", str(number)]
    run = subprocess.Popen(command, cwd=torc.folder, env=os.environ, stderr=subprocess.PIPE, text=True)
    try:
        assert run.stderr is not None
        said = next(line for line in run.stderr if "the server answers" in line)
        (log,) = torc.folder.glob("output/job_runner_*.log")
        assert said.startswith("torc: the server answers 500")
        assert said.endswith(f"; results are kept, and sent again; the runner's log is {log}\n")
        set_env(shared_server, number, None)
        _, rest = run.communicate(timeout=30)
    finally:
        run.kill()
        run.wait()
    assert (run.returncode, "the server answers" in rest) == (0, False)
