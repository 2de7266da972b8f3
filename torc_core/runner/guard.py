"""The guard: the runner's parent, which sees to it that no job outlives its runner (design: Processes).

Both are subreapers: what a job leaves behind becomes a child of the runner, and of the guard once the runner is gone.
The guard passes signals on, and when the runner ends, however that happens, it kills what is left before it exits
itself. The runner notices the death of its guard by the closing of a pipe. On systems without subreapers (macOS) only
signals and the exit status are passed on.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable

from torc_core.wording import exit_text

PR_SET_CHILD_SUBREAPER = 36

AGAIN_S = 0.1

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def heeded_signals() -> list[signal.Signals]:
    """The signals that stop a runner, without those that it was started to ignore (nohup, `&` in a script)."""
    return [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]


def guarded(run: Callable[[int | None], int]) -> int:
    """Run `run` in a child and return its exit status when nothing of it is left; 128+n when signal n killed it.

    `run` gets a file descriptor that reads end-of-file when the guard has died.
    """
    become_subreaper()
    signals = {signal.SIGCHLD, *heeded_signals()}
    inherited = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    read_end, write_end = os.pipe()
    runner = os.fork()
    if runner == 0:
        os.close(write_end)
        become_subreaper()
        signal.pthread_sigmask(signal.SIG_SETMASK, inherited)
        _exit(run, read_end)
    os.close(read_end)
    status = _wait(runner, signals)
    _kill_rest()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        print(f"torc-runner: the runner was {exit_text(128 - code)}; its jobs were killed too", file=sys.stderr)
        return 128 - code
    return code


def _exit(run: Callable[[int | None], int], pipe: int) -> None:
    """The child's whole life; it never returns into the guard's code."""
    code = 1
    try:
        code = run(pipe)
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        _kill_rest()  # the guard does it too, if it still lives
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def become_subreaper() -> None:
    """Orphans among our descendants become our children, not init's (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait(runner: int, signals: Iterable[signal.Signals]) -> int:
    """Pass signals on and reap until the runner ends; returns its wait status."""
    while True:
        number = signal.sigwait(signals)
        if number != signal.SIGCHLD:
            os.kill(runner, number)
            continue
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == runner:
                return status
            if pid == 0:
                break


def _kill_rest() -> None:
    """Kill children until there are none; each death hands us its own children."""
    while True:
        found = children()
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        try:
            ended, _ = os.waitpid(-1, 0 if found else os.WNOHANG)
        except ChildProcessError:
            return
        if not ended:
            time.sleep(AGAIN_S)  # there are some, and the system did not say which


def children() -> list[int]:
    """Process ids of our children, zombies included; empty where the system does not tell (no /proc)."""
    me = os.getpid()
    try:
        with open(f"/proc/self/task/{me}/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:  # no such file, or no descriptor to read it with
        return [pid for pid in process_ids() if _parent(pid) == me]


def process_ids() -> list[int]:
    """Every process of the machine; empty where there is no /proc, or no descriptor to read it with."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0
