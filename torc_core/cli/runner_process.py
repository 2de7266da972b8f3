"""The `torc-runner` that `torc run` starts: its command line, its signals and its end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import IO

from torc_core import run_records
from torc_core.client.http import Address
from torc_core.run_records import RunOptions

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RunnerProcess:
    """A running `torc-runner`.

    It has a process group of its own, so that Ctrl-C on the terminal reaches only `torc run`, which passes it on. The
    first signal lets the runner stop its jobs and report them; another one makes it kill them at once. A terminal that
    closes may say so twice, by itself and through the shell: that counts once.
    """

    def __init__(
        self, address: Address, workflow_id: int, name: str, folder: str, options: RunOptions, log_level: str | None
    ) -> None:
        """Jobs work in `folder`. It is noted among this machine's runs (`run_records`), where the console lists it."""
        command = [sys.executable, "-P", "-m", "torc_core.runner.main", "--url", address.url]
        command += ["--workflow", str(workflow_id), *options.arguments()]
        command += ["--output-dir", str(options.output_folder("."))]
        command += ["--log-level", log_level] if log_level else []
        environment = dict(os.environ)
        if address.password is not None:
            environment["TORC_PASSWORD"] = address.password
        self._number, self._said = _place()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            env=environment,
            process_group=0,
        )
        if self._number is not None:
            with contextlib.suppress(OSError):
                run_records.keep(
                    self._number, self._process.pid, workflow_id, name, address.url, folder, options, os.environ,
                    by="shell",
                )  # fmt: skip
        self._told = 0
        self._hung_up = False
        self.interrupts = 0
        """How many signals were passed on."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll()

    def news(self) -> list[str]:
        """The lines it has written to stdout and stderr since this was last asked."""
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").splitlines()[self._told :]
        self._told += len(lines)
        return [line.removeprefix("torc-runner: ") for line in lines]

    @contextmanager
    def signals_passed_on(self, tell: Callable[[int], None]) -> Iterator[Callable[[float], None]]:
        """Within, signals go to the runner and are counted; `tell` hears the count each time.

        Gives a function that waits so many seconds, less when a signal comes or the runner ends.
        """
        wake_end, signal_end = socket.socketpair()
        for end in (wake_end, signal_end):
            end.setblocking(False)

        def pass_on(number: int, _frame: FrameType | None) -> None:
            if number == signal.SIGHUP:
                if self._hung_up:
                    return
                self._hung_up = True
                _let_go_of_closed_terminals()
            self.interrupts += 1
            self._signal(signal.SIGTERM if number == signal.SIGHUP else number)
            tell(self.interrupts)

        def wait(seconds: float) -> None:
            if self.exit_code is None and select.select([wake_end], [], [], seconds)[0]:
                wake_end.recv(4096)

        heard = [number for number in FORWARDED if signal.getsignal(number) != signal.SIG_IGN]  # not under nohup
        before = {number: signal.signal(number, pass_on) for number in heard}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        wakeup_before = signal.set_wakeup_fd(signal_end.fileno(), warn_on_full_buffer=False)
        try:
            yield wait
        finally:
            signal.set_wakeup_fd(wakeup_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            wake_end.close()
            signal_end.close()

    def insist(self) -> None:
        """Tell it once more to kill its jobs."""
        self._signal(signal.SIGTERM)

    def end(self, grace_s: float) -> None:
        """Make sure that it is gone: it has `grace_s` seconds to stop its jobs, then it is killed."""
        if self.exit_code is None:
            self._signal(signal.SIGTERM)
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()
        if self._number is not None:
            code = self._process.returncode
            with contextlib.suppress(OSError):
                run_records.keep_exit(self._number, code if code >= 0 else 128 - code)

    def _signal(self, number: int) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)


def _let_go_of_closed_terminals() -> None:
    """What is still said goes nowhere, where writing it to a closed terminal would be an error that ends the run."""
    closed = select.poll()
    for stream in (sys.stdout, sys.stderr):
        closed.register(stream.fileno(), 0)
    for end, event in closed.poll(0):
        if event & select.POLLHUP:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, end)
            os.close(nowhere)


def _place() -> tuple[int | None, IO[bytes]]:
    """The number of the run and the file for what it says; without a number where nothing can be kept."""
    try:
        number, folder = run_records.new_folder()
        return number, (folder / "said").open("w+b")
    except OSError:
        return None, tempfile.TemporaryFile()
