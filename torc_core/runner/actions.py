"""Workflow actions as a runner executes them (runner.md 1.12): when something has happened, commands are run.

An action is claimed first, so that one runner executes it; a persistent one is executed once by each. The commands run
one after the other in the output folder; the first that fails ends the action. Whatever becomes of an action is in the
log and among the events of the workflow; no job fails for it. Jobs are asked for when the actions of the start are
over, and the runner leaves when those of the end are. Nodes of a scheduler are not asked for here.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from torc_core.errors import TorcError
from torc_core.models.resources import Event, WorkflowAction
from torc_core.runner.connection import Connection, Refused
from torc_core.runner.errands import Errands
from torc_core.runner.launch import Launcher
from torc_core.runner.log import Log
from torc_core.runner.scripts import Script, Scripts

AT_START = ("on_workflow_start", "on_worker_start")
AT_END = "on_worker_complete"
TAIL = 2_000
"""Bytes of output that the log and an event tell."""

_decode = msgspec.json.Decoder(list[WorkflowAction]).decode


class Actions:
    """The actions of one workflow; to be used by one thread."""

    def __init__(
        self, workflow_id: int, node_id: int, errands: Errands, scripts: Scripts, launcher: Launcher, log: Log
    ) -> None:
        self._path = f"/workflows/{workflow_id}/actions"
        self._workflow_id = workflow_id
        self._node_id = node_id
        self._errands = errands
        self._scripts = scripts
        self._launcher = launcher
        self._log = log
        self._known: dict[int, WorkflowAction] = {}
        self._queue: deque[int] = deque()
        self._seen: set[tuple[int, int]] = set()
        """(run, action) of those that were executed, refused or put aside."""
        self._run_id = 0
        self._current: WorkflowAction | None = None
        self._script: Script | None = None
        self._given_up: WorkflowAction | None = None
        """It was being claimed when the runner was told to end: its commands are not begun."""
        self._starting = False
        self._asked_for_last = False

    def begin(self, actions: Sequence[WorkflowAction]) -> None:
        """The runner starts, these are the workflow's actions: those that come before any job are executed first."""
        self._known = {action.id or 0: action for action in actions}
        for trigger in AT_START:
            self._queue += [action.id or 0 for action in actions if action.trigger_type == trigger and _is_due(action)]
        self._starting = bool(self._queue)
        self._go_on()

    def tick(self) -> None:
        """Use what the server has answered."""
        self._errands.tick()

    def offer(self, action_ids: Sequence[int], run_id: int) -> None:
        """The server says that these can be claimed."""
        if self._asked_for_last:
            return  # those of the end are executed, or over
        self._run_id = run_id
        fresh = [each for each in action_ids if (run_id, each) not in self._seen]
        self._seen.update((run_id, each) for each in fresh)
        self._queue += fresh
        self._go_on()

    @property
    def busy(self) -> bool:
        """Whether an action is being executed or looked at."""
        return bool(self._current or self._queue or self._errands.open)

    @property
    def holds_jobs(self) -> bool:
        """Whether the actions of the start are not over: no job runs before them."""
        self._starting = self._starting and self.busy
        return self._starting

    def are_over(self) -> bool:
        """The runner leaves: execute those that come last; whether there is nothing left to execute."""
        if not self._known:
            return not self.busy  # one that was added meanwhile may have been offered
        if not self._asked_for_last and not self.busy:
            self._asked_for_last = True
            path = f"{self._path}/pending?trigger_type={AT_END}"
            self._errands.do(lambda connection: _decode(connection.call("GET", path)), self._take_last)
        return self._asked_for_last and not self.busy

    def _take_last(self, actions: list[WorkflowAction] | None, error: Exception | None) -> None:
        if actions is None:
            self._log.warn(f"Actions at the end of this runner are not executed: {error}")
            return
        self._known |= {action.id or 0: action for action in actions}
        self._queue += [action.id or 0 for action in actions]
        self._go_on()

    def stop(self, now: float, *, kill: bool = False) -> None:
        """End what is being executed and forget what waits; with `kill` not even what comes last is executed."""
        self._queue.clear()
        if kill:
            self._asked_for_last = True
        self._errands.hurry()
        if self._script is not None:
            self._scripts.stop(self._script, now, kill=kill)
        else:
            self._given_up = self._current

    def _go_on(self) -> None:
        """Take the next action, unless one is being executed."""
        while self._queue and self._current is None and not self._errands.open:
            action_id = self._queue.popleft()
            action = self._known.get(action_id)
            if action is None:
                self._queue.appendleft(action_id)
                self._errands.do(lambda connection: _decode(connection.call("GET", self._path)), self._learn)
            elif action.action_type != "run_commands":
                self._log.info(f"Action is not executed here action_id={action_id} action_type={action.action_type}")
            else:
                self._claim(action)

    def _learn(self, actions: list[WorkflowAction] | None, error: Exception | None) -> None:
        if actions is None:
            self._log.warn(f"Actions are not executed: {error}")
            self._queue.clear()
            return
        self._known = {action.id or 0: action for action in actions}
        self._queue = deque(each for each in self._queue if each in self._known)
        self._go_on()

    def _claim(self, action: WorkflowAction) -> None:
        self._current = action
        path = f"{self._path}/{action.id}/claim"
        body = msgspec.json.encode({"compute_node_id": self._node_id})

        def claim(connection: Connection) -> bool:
            try:
                connection.call("POST", path, body)
            except Refused as error:
                if error.status != 409:
                    raise
                # Taken; perhaps by this runner, when the answer to a claim before this one was lost.
                known = _decode(connection.call("GET", self._path))
                return any((each.id, each.executed_by) == (action.id, self._node_id) for each in known)
            return True

        def then(claimed: bool | None, error: Exception | None) -> None:
            if claimed and action is self._given_up:
                command = action.action_config["commands"][0]
                self._end(action, command, 128 + signal.SIGTERM, "not begun: the runner was told to end")
                return
            if claimed:
                self._log.info(f"Action started action_id={action.id} trigger_type={action.trigger_type}")
                self._run(action, deque(action.action_config["commands"]))
                return
            if error is not None:
                self._log.warn(f"Action is not executed action_id={action.id}: {error}")
                if isinstance(error, TorcError) and not isinstance(error, Refused):
                    self._seen.discard((self._run_id, action.id or 0))  # the server was away: it may be offered again
            self._current = None
            self._go_on()

        self._errands.do(claim, then)

    def _run(self, action: WorkflowAction, commands: deque[str]) -> None:
        """Run the next of the commands."""
        command = commands.popleft()
        output = self._launcher.action_output(action.id or 0, self._node_id)
        before = _size(output)

        def then(code: int) -> None:
            if script.stopped and commands:
                code = code or 128 + signal.SIGTERM  # however it took being told to end: what follows is not begun
            self._script = None
            told = script.cause or _tail(output, before)
            if told:
                self._log.info(f"Command {'did not start' if script.cause else 'output'}: {told}")
            if code or not commands:
                self._end(action, command, code, told)
            else:
                self._run(action, commands)

        self._script = script = Script(lambda: self._launcher.start_action(command, output), then)
        self._scripts.run(script)

    def _end(self, action: WorkflowAction, command: str, code: int, told: str) -> None:
        status = "failed" if code else "completed"
        data: dict[str, Any] = {
            "category": "action", "action_id": action.id, "trigger_type": action.trigger_type, "status": status,
            "severity": "error" if code else "info", "compute_node_id": self._node_id, "return_code": code,
            "output": told,
            "message": f"Action {action.id} ({action.trigger_type}) {status}",
        }  # fmt: skip
        if code:
            data["command"] = command
            data["message"] += f" with {code}: {command}"
            self._log.warn(f"Action failed action_id={action.id} return_code={code} command={command!r}")
        else:
            self._log.info(f"Action completed action_id={action.id}")
        event = Event(workflow_id=self._workflow_id, timestamp=time.time_ns() // 1_000_000, data=data)
        body = msgspec.json.encode(event)
        self._current = None
        self._errands.do(lambda connection: connection.call("POST", "/events", body), lambda _, __: self._go_on())


def _is_due(action: WorkflowAction) -> bool:
    return not action.executed and (action.trigger_count or 0) >= (action.required_triggers or 1)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _tail(path: Path, start: int) -> str:
    """The end of what was written into a file from `start` on."""
    try:
        with path.open("rb") as file:
            file.seek(max(start, path.stat().st_size - TAIL))
            return file.read(TAIL).decode(errors="replace").strip()
    except OSError:
        return ""
