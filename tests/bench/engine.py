"""The engine: jobs a second, milliseconds a step, start-up, and what is used while nothing happens."""

from __future__ import annotations

import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from tests.bench import peers
from tests.bench.lab import SHM, Lab, chain, cpu_seconds, fdatasync_ms, independent, lab, resident_mb, runner_mb
from tests.bench.table import row


def throughput(rounds: int, n: int) -> None:
    """Jobs a second on two slots, in memory and on the ordinary file system, beside xargs and HyperQueue."""
    for label, root in (("/dev/shm", SHM), ("disk", Path(tempfile.gettempdir()))):
        with lab(root) as it:
            path = it.write("independent", independent(n))
            walls, xargs, queue, cpu, server = [], [], [], [], []
            for _ in range(rounds):
                xargs.append(peers.xargs(it, n))
                cost = it.run(path)
                walls.append(cost.wall)
                cpu.append((cost.server_cpu + cost.runner_cpu) / n * 1000)
                server.append(cost.server_cpu / n * 1000)
                if label == "/dev/shm" and (seconds := peers.hyperqueue(it, n)) is not None:
                    queue.append(seconds)
            mine, other = statistics.median(walls), statistics.median(xargs)
            row(f"{n} jobs, {label}", f"{n / mine:.0f} jobs/s", "", f"xargs -P2 {n / other:.0f} jobs/s")
            row(f"{n} jobs, {label}, against xargs", f"{ratio(xargs, walls):.2f} x", ">= 0.5, aim 0.7")
            if queue:
                hq = f"HyperQueue {n / statistics.median(queue):.0f} jobs/s"
                row(f"{n} jobs, {label}, against HyperQueue", f"{ratio(queue, walls):.2f} x", ">= 2", hq)
            elif label == "/dev/shm":
                row("HyperQueue", "not installed", "", "pip install 'torc[bench]'")
            spent = f"server {statistics.median(server):.2f}"
            row(f"CPU a job, {label}", f"{statistics.median(cpu):.2f} ms", "<= 1.4, aim 0.9", spent)


def ratio(peer: list[float], mine: list[float]) -> float:
    """How many times faster than the peer, median of the rounds' pairs."""
    return statistics.median(a / b for a, b in zip(peer, mine, strict=True))


def chain_steps(rounds: int, n: int) -> None:
    """From one job's own time stamp to the next one's, each depending on the one before."""
    with lab(Path(tempfile.gettempdir())) as it:
        path = it.write("chain", chain(n))
        medians, worst, sync = [], [], []
        for _ in range(rounds):
            sync.append(fdatasync_ms(it.folder))
            it.torc(path)
            steps = _steps(it)
            medians.append(statistics.median(steps))
            worst.append(steps[int(len(steps) * 0.99)])
        fsync = statistics.median(sync)
        row(f"chain of {n}, median step", f"{statistics.median(medians):.2f} ms", f"<= {5 + 2 * fsync:.2f} ms")
        row(f"chain of {n}, p99 step", f"{statistics.median(worst):.2f} ms", f"<= {25 + 2 * fsync:.2f} ms")
        row("median fdatasync of the same run", f"{fsync:.2f} ms")


def _steps(it: Lab) -> list[float]:
    """Milliseconds between the time stamps that the jobs of the last workflow wrote, ascending."""
    return sorted((b - a) * 1000 for a, b in pairwise(it.stamps(it.last_workflow())))


def marginal(_rounds: int, n: int) -> None:
    """What a job costs late in a large run against early, from the time stamps of one run."""
    with lab(SHM) as it:
        it.torc(it.write("large", independent(n)))
        ends = [row[0] for row in it.query("SELECT end_ms FROM result ORDER BY end_ms")]
        early = (ends[n // 4] - ends[n // 10]) / (n // 4 - n // 10)
        late = (ends[-1] - ends[n * 3 // 4]) / (n - n * 3 // 4)
        row(f"marginal job, last quarter of {n}", f"{late / early:.2f} x", "<= 1.2", f"{early:.2f} -> {late:.2f} ms")


def start(rounds: int, _n: int) -> None:
    """`torc run` of one job, with and without a running server; `torc --version`."""
    cold, warm = [], []
    for _ in range(rounds):
        it = Lab(SHM)
        try:
            path = it.write("one", independent(1))
            cold.append(it.torc(path))
            warm.append(it.torc(path))
        finally:
            it.stop_local_server()
            it.close()
    row("torc run of one job, server not running", f"{statistics.median(cold):.2f} s", "<= 1.5 s")
    row("torc run of one job, server running", f"{statistics.median(warm):.2f} s", "<= 0.6 s")
    it = Lab(SHM)
    version = statistics.median(it.seconds("torc", "--version") for _ in range(10))
    it.close()
    row("torc --version", f"{version:.2f} s", "<= 0.2 s")


def idle(_rounds: int, _n: int) -> None:
    """Memory and CPU of a server that has run 1,000 jobs and now has nothing to do; memory of a runner at work."""
    with lab(SHM) as it:
        it.run(it.write("before", independent(1000)))
        assert it.server is not None
        before, since = cpu_seconds(it.server.pid), time.perf_counter()
        waiting = it.begin(it.write("sleeping", [{"name": "sleep", "command": ": $TORC_JOB_ID; sleep 12"}]))
        peak = runner_mb(waiting, until=since + 10)
        used = (cpu_seconds(it.server.pid) - before) / (time.perf_counter() - since) * 100
        row("server idle, memory", f"{resident_mb(it.server.pid):.0f} MB", "<= 90 MB")
        row("server with one waiting runner, CPU", f"{used:.2f} %", "< 0.5 %")
        row("runner, memory", f"{peak:.0f} MB", "<= 60 MB")
        waiting.wait(30)
