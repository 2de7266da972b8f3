"""What may happen to a round: each fault does one thing, and says what undoes it and when."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.evidence import processes_of
from tests.real import RunnerProcess, runner_of

if TYPE_CHECKING:
    from tests.chaos.world import Disk, Round

LEASE_S = 2

Undo = tuple[float, Callable[[], None]]
"""After so many seconds this is to be done."""


def send_signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_server(round_: Round) -> Undo | None:
    return _away(round_, round_.rng.uniform(0, 0.5))


def keep_server_away(round_: Round) -> Undo | None:
    return _away(round_, LEASE_S + 0.3)


def _away(round_: Round, seconds: float) -> Undo | None:
    if round_.server.process is None:
        return None
    round_.server.crash()

    def start() -> None:
        round_.world.disks[0].clear()  # a server that cannot even begin its log is not started: that is said, and right
        if round_.server.process is None:
            round_.server.start()

    return seconds, start


def stop_server(round_: Round) -> Undo | None:
    return _freeze(round_.server.pid, 0.4) if round_.server.process else None


def restart_server(round_: Round) -> None:
    if round_.server.process:
        round_.world.disks[0].clear()
        send_signal(round_.server.pid, signal.SIGCONT)  # one that is stopped hears nothing
        round_.server.restart()


def _freeze(pid: int, seconds: float) -> Undo:
    send_signal(pid, signal.SIGSTOP)
    return seconds, lambda: send_signal(pid, signal.SIGCONT)


def _some_runner(round_: Round) -> RunnerProcess | None:
    live = round_.live_runners()
    return round_.rng.choice(live) if live else None


def kill_runner(round_: Round) -> None:
    guard = _some_runner(round_)
    if guard is not None:
        with suppress(OSError, IndexError):
            send_signal(runner_of(guard), signal.SIGKILL)


def kill_server_then_runner(round_: Round) -> Undo | None:
    """What the runner ended meanwhile is in its journal, and the next runner's to deliver."""
    undo = _away(round_, 0.5)
    round_.at(round_.rng.uniform(0.05, 0.4), "kill_runner", lambda: kill_runner(round_))
    return undo


def kill_guard(round_: Round) -> None:
    guard = _some_runner(round_)
    if guard is not None:
        send_signal(guard.pid, signal.SIGKILL)


def stop_runner(round_: Round) -> Undo | None:
    return _stop_runner(round_, 0.3)


def partition_runner(round_: Round) -> Undo | None:
    return _stop_runner(round_, LEASE_S + 1.3)


def _stop_runner(round_: Round, seconds: float) -> Undo | None:
    guard = _some_runner(round_)
    if guard is None:
        return None
    try:
        return _freeze(runner_of(guard), seconds)
    except (OSError, IndexError):
        return None


def stop_guard(round_: Round) -> Undo | None:
    guard = _some_runner(round_)
    return _freeze(guard.pid, 0.5) if guard else None


def _job_process(round_: Round, *, leader: bool) -> int | None:
    """A process of a job that runs; its job may fail of what happens to it."""
    found = []
    for pid in processes_of(round_.workflow, round_.proxy.port):
        with suppress(OSError):
            if (os.getsid(pid) == pid) == leader:
                found.append(pid)
    if not found:
        return None
    pid = round_.rng.choice(sorted(found))
    with suppress(OSError):
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        round_.failing |= {each[14:].decode() for each in variables if each.startswith(b"TORC_JOB_NAME=")}
        return pid
    return None


def kill_job(round_: Round) -> None:
    pid = _job_process(round_, leader=True)
    if pid is not None:
        send_signal(pid, signal.SIGKILL)


def kill_grandchild(round_: Round) -> None:
    pid = _job_process(round_, leader=False)
    if pid is not None:
        send_signal(pid, signal.SIGKILL)


def stop_job(round_: Round) -> Undo | None:
    pid = _job_process(round_, leader=True)
    return _freeze(pid, 0.5) if pid is not None else None


def stop_grandchild(round_: Round) -> Undo | None:
    pid = _job_process(round_, leader=False)
    return _freeze(pid, 0.5) if pid is not None else None


def lose_answers(round_: Round) -> None:
    round_.proxy.lose_answers = round_.rng.randint(1, 6)


def lose_requests(round_: Round) -> None:
    round_.proxy.lose_requests = round_.rng.randint(1, 6)


def repeat_requests(round_: Round) -> None:
    round_.proxy.repeat = round_.rng.randint(1, 10)


def cut_connections(round_: Round) -> None:
    round_.proxy.cut()


def fill_the_state(round_: Round) -> Undo:
    return _fill(round_.world.disks[0], [round_.server.pid] if round_.server.process else [])


def fill_the_output(round_: Round) -> Undo:
    runners = []
    for guard in round_.live_runners():
        with suppress(OSError, IndexError):
            runners.append(runner_of(guard))
    return _fill(round_.world.disks[1], runners)


def _fill(disk: Disk, writers: list[int]) -> Undo:
    disk.fill(writers)
    return 0.5, disk.clear


def no_descriptors_for_the_server(round_: Round) -> Undo | None:
    if round_.server.process is None:
        return None
    pid = round_.server.pid
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)  # what the server was started with
    used = max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, limits[1]))

    def restore() -> None:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)

    return 0.5, restore


def another_runner(round_: Round) -> None:
    """Of the same name, in the same folder."""
    round_.start_one()


FAULTS: list[Callable[[Round], Undo | None]] = [
    kill_server, kill_server_then_runner, keep_server_away, stop_server, restart_server, kill_runner, kill_guard,
    kill_runner, stop_runner, partition_runner, stop_guard, kill_job, kill_grandchild, stop_job, stop_grandchild,
    lose_answers, lose_requests, repeat_requests, cut_connections, fill_the_state, fill_the_output,
    no_descriptors_for_the_server, another_runner,
]  # fmt: skip
