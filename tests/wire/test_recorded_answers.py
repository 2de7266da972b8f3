"""Every recorded answer of torc-server 0.12.3 is given here too, or a better one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.server_process import ServerProcess
from tests.wire.differences import DIFFERENCES
from tests.wire.recording import Step, ask_until, named_statuses, steps
from tests.wire.streams import EventReader, events

SECTIONS = (
    "service", "workflows", "jobs", "files", "user_data", "resource_requirements", "claims", "initialize",
    "results_events", "lifecycle", "unblocking", "nodes_schedulers", "actions", "sse", "auth", "access",
)  # fmt: skip


def changed(step: Step, instead: Step) -> Step:
    """The step with another answer: objects are merged, None empties one; a status replaces the recorded body."""
    kept = {k: v for k, v in step.items() if not ("status" in instead and k in ("json", "text", "type"))}
    for key, value in instead.items():
        old = kept.get(key)
        kept[key] = value
        if isinstance(old, dict):
            kept[key] = {} if value is None else {**old, **value}
    return kept


class Replay:
    """Sends the steps of a section to servers of its own and notes what differs."""

    def __init__(self, section: str, folder: Path) -> None:
        self.section = section
        self.folder = folder
        self.unexpected: list[str] = []
        self.unused = set(DIFFERENCES.get(section, {}))
        self.streams: dict[str, EventReader] = {}
        lines = {step["stream_lines"]: step["lines"] for step in steps(section) if "lines" in step}
        self.recorded = {name: events(said) for name, said in lines.items()}
        self.kinds = {kind for each in self.recorded.values() for kind, _ in each}

    def run(self) -> None:
        """All lines of the section, in order."""
        with ExitStack() as ends:
            server, http = None, httpx.Client()
            for number, step in enumerate(steps(self.section)):
                if "server" in step:
                    server = ends.enter_context(self._server(self.folder / str(number), step))
                    http = ends.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=20))
                elif "restart" in step:
                    assert server is not None
                    server.restart()
                elif "stream" in step:
                    reader = self.streams[step["stream"]] = EventReader(http.base_url, step)
                    self._note(f"stream {step['stream']}", reader.difference)
                elif "stream_lines" in step:
                    name = step["stream_lines"]
                    recorded = self.recorded[step.get("same_as", name)]
                    self._note(f"stream {name}", self.streams[name].compare(recorded, self.kinds))
                else:
                    self._step(http, step)
        for reader in self.streams.values():
            reader.close()

    @staticmethod
    def _server(folder: Path, step: Step) -> ServerProcess:
        folder.mkdir()
        for name, text in step.get("files", {}).items():
            (folder / name).write_text(text)
        arguments = step["server"] if "--auth-file" in step["server"] else ["--no-auth", *step["server"]]
        return ServerProcess(folder, arguments, step.get("env"))

    def _note(self, name: str, difference: str | None) -> None:
        if difference:
            self.unexpected.append(f"{name}: {difference}")

    def _step(self, http: httpx.Client, step: Step) -> None:
        name, better = step["step"], named_statuses(step)
        if name in self.unused:
            self.unused.discard(name)
            step = changed(step, DIFFERENCES[self.section][name][1])
            better = set()
        answer, difference = ask_until(http, step)
        if better:
            difference = None if answer.status_code in better else f"status {answer.status_code}, {step['better']!r}"
        self._note(name, difference)


@pytest.mark.parametrize("section", SECTIONS)
def test_recorded_answers_are_given(section: str, tmp_path: Path) -> None:
    replay = Replay(section, tmp_path)
    replay.run()
    assert replay.unexpected == []
    assert replay.unused == set(), "differences that no step has any more"
