"""How a runner claims an action when the server's answers are lost, late or make no sense."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tests.runner.waiting import until
from torc_core.models.resources import WorkflowAction
from torc_core.runner.actions import Actions
from torc_core.runner.connection import Away, Refused
from torc_core.runner.errands import Errands
from torc_core.runner.log import Log


class LosesAnAnswer:
    """A connection to a server that takes a claim, whose answer is lost; or another runner was there before."""

    def __init__(self, first: int) -> None:
        self.action = WorkflowAction(
            id=5, trigger_type="on_workflow_start", action_type="run_commands", action_config={"commands": ["x"]},
            trigger_count=1, required_triggers=1,
        )  # fmt: skip
        self._first = first

    def call(self, method: str, *_: object) -> bytes:
        if method == "GET":
            return msgspec.json.encode([self.action])
        if self.action.executed_by is None:
            self.action.executed_by = self._first
            raise Away("connection closed")
        raise Refused("Action 5 already claimed", 409)


@pytest.mark.parametrize(("first", "executes"), [(7, True), (8, False)])
def test_a_claim_whose_answer_was_lost_is_this_runners(first: int, executes: bool, tmp_path: Path) -> None:
    begun: list[object] = []
    connection = LosesAnAnswer(first)
    actions = actions_of(connection, begun, tmp_path)
    actions.begin([connection.action])

    def decided() -> bool:
        actions.tick()
        return bool(begun) or not actions.busy

    until(decided, "the claim to be answered")
    assert bool(begun) is executes


def test_an_action_added_after_the_runner_came_keeps_it_until_it_is_over(tmp_path: Path) -> None:
    begun: list[object] = []
    actions = actions_of(LosesAnAnswer(7), begun, tmp_path)
    actions.begin([])
    actions.offer([5], run_id=1)

    def decided() -> bool:
        actions.tick()
        return bool(begun) or actions.are_over()

    until(decided, "the action to begin")
    assert begun
    assert not actions.are_over()


class Holds:
    """A connection to a server that takes a claim, and answers when it is let go; events are kept."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()
        self.events: list[dict[str, Any]] = []

    def call(self, _method: str, path: str, body: bytes | None = None) -> bytes:
        if path == "/events":
            self.events.append(msgspec.json.decode(body or b""))
        elif path.endswith("/claim"):
            self.asked.set()
            assert self.go.wait(20)
        return b"[]"


def test_an_action_that_is_being_claimed_at_an_interrupt_is_not_begun_but_failed(tmp_path: Path) -> None:
    begun: list[object] = []
    connection = Holds()
    actions = actions_of(connection, begun, tmp_path)
    actions.begin([LosesAnAnswer(7).action])
    assert connection.asked.wait(20)
    actions.stop(0.0)
    connection.go.set()

    def over() -> bool:
        actions.tick()
        return actions.are_over()

    until(over, "the action to be over")
    assert not begun
    (event,) = connection.events
    told = (event["data"]["status"], event["data"]["return_code"], event["data"]["output"])
    assert told == ("failed", 143, "not begun: the runner was told to end")


def test_a_defect_in_an_answer_keeps_no_runner_for_ever(tmp_path: Path) -> None:
    nothing: dict[str, object] = {}
    connection: Any = SimpleNamespace(call=lambda *_: nothing["no such key"])
    actions = actions_of(connection, [], tmp_path)
    actions.begin([LosesAnAnswer(7).action])

    def free() -> bool:
        actions.tick()
        return not actions.busy

    until(free, "the claim to be given up")


def test_an_errand_waits_for_a_thread_where_the_machine_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[tuple[object, Exception | None]] = []
    start = threading.Thread.start

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    connection: Any = None
    errands = Errands(lambda: connection, lambda: None)
    errands.do(lambda _: 1, lambda answer, error: answers.append((answer, error)))
    errands.tick()
    assert errands.open == 1
    monkeypatch.setattr(threading.Thread, "start", start)

    def answered() -> bool:
        errands.tick()
        return bool(answers)

    until(answered, "the errand to be done")
    assert (answers, errands.open) == ([(1, None)], 0)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    hurried = Errands(lambda: connection, lambda: None)
    hurried.hurry()
    hurried.do(lambda _: 1, lambda answer, error: answers.append((answer, error)))
    hurried.tick()
    assert hurried.open == 0
    assert "can't start new thread" in str(answers[-1][1])


def actions_of(connection: Any, begun: list[object], folder: Path) -> Actions:
    """The actions of node 7; their commands are only told to `begun`."""
    scripts: Any = SimpleNamespace(run=begun.append)
    launcher: Any = SimpleNamespace(action_output=lambda *_: folder / "out")
    return Actions(1, 7, Errands(lambda: connection, lambda: None), scripts, launcher, Log())
