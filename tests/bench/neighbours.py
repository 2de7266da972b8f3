"""What a workflow feels while a large one beside it is created, initialised, reset and deleted."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.lab import SHM, Lab, chain, lab, peak_mb
from tests.bench.scale import SWEEP
from tests.bench.table import row
from tests.runner.waiting import until

CHAIN = 20_000
"""Longer than all of it takes: it is canceled at the end."""

ALONE_S = 2.0
"""How long the chain is measured beside nothing, for comparison."""

LIMIT_S = 120.0
"""How long anything that is waited for may take."""


def neighbours(_rounds: int, n: int) -> None:
    """The steps of a chain, and the write-ahead log, meanwhile; somebody reads a long list slowly all the time."""
    for root in (SHM, Path(tempfile.gettempdir())):
        with lab(root) as it:
            _measure(it, "/dev/shm" if root == SHM else "disk", n)


def _measure(it: Lab, where: str, n: int) -> None:
    large = it.folder / "large.yaml"
    large.write_text(SWEEP.format(n=n))
    run = it.begin(it.write("chain", chain(CHAIN)))
    until(lambda: len(it.stamps(1)) > 200, "200 steps of the chain", LIMIT_S)
    with Watch(it) as watch:
        phases = {
            "nothing": _timed(lambda: time.sleep(ALONE_S)),  # the chain alone, to compare with: only time has to pass
            "create": _timed(lambda: it.measure("workflows", "create", large)),
            "initialise": _timed(lambda: it.measure("workflows", "initialize", "2", "--yes")),
            "reset": _timed(lambda: it.measure("workflows", "reset-status", "2", "--yes")),
            "delete": _timed(lambda: _delete(it, 2)),
        }
    it.measure("workflows", "cancel", "1")
    run.wait(30)
    stamps = it.stamps(1)
    for name, phase in phases.items():
        steps = _steps(stamps, phase)
        told = f"median {_quantile(steps, 0.5):.1f}, worst {max(steps, default=0):.0f} ms, {len(steps)} steps"
        told += f"; fdatasync p99 {_quantile(watch.syncs_in(phase), 0.99):.1f} ms"
        label = f"chain beside {n} jobs: {name}, {where}, p99"
        row(label, f"{_quantile(steps, 0.99):.1f} ms", "<= 60 ms", told)
    row(f"write-ahead log meanwhile, {where}, largest", f"{watch.largest / 1e6:.0f} MB", "<= 128 MB")
    assert it.server is not None
    row(f"server's memory meanwhile, {where}, largest", f"{peak_mb(it.server.pid):.0f} MB", "<= 300 MB")
    row(f"list read slowly meanwhile, {where}", f"{watch.read / 1e6:.1f} MB")


def _delete(it: Lab, number: int) -> None:
    """Delete it and wait until nothing of it is left."""
    it.measure("workflows", "delete", str(number), "--yes")
    gone = "SELECT count(*) FROM workflow WHERE id = ?"
    until(lambda: it.query(gone, number)[0][0] == 0, "the deletion", LIMIT_S)


def _timed(do: Callable[[], object]) -> tuple[float, float]:
    """From when to when it was done, in seconds since 1970."""
    before = time.time()
    do()
    return before, time.time()


def _steps(stamps: list[float], phase: tuple[float, float]) -> list[float]:
    """Milliseconds of the steps that ended in a span of time."""
    return [(b - a) * 1000 for a, b in pairwise(stamps) if phase[0] <= b <= phase[1]]


def _quantile(values: list[float], part: float) -> float:
    return sorted(values)[int(len(values) * part)] if values else float("nan")


class Watch:
    """Samples the size of the write-ahead log and what the disk takes to sync, and reads a long list slowly."""

    def __init__(self, it: Lab) -> None:
        self.largest = 0
        """Most bytes that the log had."""
        self.read = 0
        """Bytes of lists that were read."""
        self._syncs: list[tuple[float, float]] = []
        self._it = it
        self._over = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._sample, self._sync, self._read_slowly)]

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def syncs_in(self, phase: tuple[float, float]) -> list[float]:
        """Milliseconds that a small append with fdatasync beside the database took in a span of time."""
        return [took for at, took in self._syncs if phase[0] <= at <= phase[1]]

    def _sync(self) -> None:
        with open(self._it.folder / "synced", "ab", buffering=0) as file:
            while not self._over.wait(0.02):
                before = time.perf_counter()
                file.write(b"x" * 4096)
                os.fdatasync(file.fileno())
                self._syncs.append((time.time(), (time.perf_counter() - before) * 1000))

    def _sample(self) -> None:
        log = Path(f"{self._it.database}-wal")
        while not self._over.wait(0.01):
            self.largest = max(self.largest, log.stat().st_size)

    def _read_slowly(self) -> None:
        """Ask for the jobs of the chain again and again, and take 64 kB of the answer in a second."""
        url = urlsplit(self._it.env["TORC_API_URL"])
        request = f"GET {url.path}/jobs?workflow_id=1&limit=10000 HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
        while not self._over.is_set():
            with socket.create_connection((url.hostname, url.port or 80)) as connection:
                connection.sendall(request.encode())
                while not self._over.wait(0.05) and (came := connection.recv(3_200)):
                    self.read += len(came)
