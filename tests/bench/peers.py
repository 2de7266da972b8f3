"""The same work done by others: xargs, and HyperQueue's wheel when it is there."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.lab import COMMAND, Lab

_HYPERQUEUE = """
import sys
from pathlib import Path
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
n, folder, command = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
with LocalCluster() as cluster:
    cluster.start_worker(WorkerConfig(cores=2))
    client = cluster.client()
    job = Job(max_fails=None)
    for i in range(n):
        job.program(["bash", "-c", command], env={"TORC_JOB_ID": str(i)}, stdout=folder / f"{i}.o",
                    stderr=folder / f"{i}.e")
    client.wait_for_jobs([client.submit(job)])
"""


def xargs(lab: Lab, n: int) -> float:
    """Wall seconds of `xargs -P2` with one bash and two output files a job."""
    folder = _fresh(lab, "xargs")
    script = f"exec >{folder}/$TORC_JOB_ID.o 2>{folder}/$TORC_JOB_ID.e; {COMMAND}"
    command = ["xargs", "-P2", "-n1", "bash", "-c", f"TORC_JOB_ID=$0; {script}"]
    numbers = "\n".join(str(i) for i in range(n))
    before = time.perf_counter()
    subprocess.run(command, input=numbers, text=True, check=True, env=lab.env)
    return time.perf_counter() - before


def hyperqueue(lab: Lab, n: int) -> float | None:
    """Wall seconds of a HyperQueue LocalCluster of two cores, start included; None when it is not installed."""
    if importlib.util.find_spec("hyperqueue") is None:
        return None
    folder = _fresh(lab, "hyperqueue")
    command = [sys.executable, "-c", _HYPERQUEUE, str(n), str(folder), COMMAND]
    before = time.perf_counter()
    subprocess.run(command, check=True, env=lab.env, cwd=lab.folder, capture_output=True)
    return time.perf_counter() - before


def _fresh(lab: Lab, name: str) -> Path:
    folder = lab.folder / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
