"""The server: whether it runs, where its things are, and the end of its log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from textual.widget import Widget

from torc_core import VERSION, local_server
from torc_core.client import endpoints
from torc_core.client.endpoints import ServerInfo
from torc_core.errors import TorcError
from torc_core.host import process_space
from torc_tui.actions import Place
from torc_tui.connect import OwnServer
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line
from torc_tui.rendering.run_view import log_line, tail, tilde, whole_lines
from torc_tui.screens.console_screen import ConsoleScreen, Kept
from torc_tui.store import State, Store, Watch
from torc_tui.widgets.lines_view import LinesView
from torc_tui.widgets.lookout import Lookout
from torc_tui.widgets.rule import Rule
from torc_tui.widgets.text_line import TextLine


@dataclass(frozen=True, slots=True)
class OnDisk:
    """What files say of the user's own server."""

    size: int | None
    """Bytes of the database, with its log of writes."""
    since: int | None
    """When the process began, in milliseconds since 1970."""
    log: list[str]


def look_at(database: Path | None, pid: int | None, log: Path | None) -> OnDisk:
    """Read it. To be called in a thread."""
    sizes = []
    for suffix in ("", "-wal"):
        try:
            sizes.append(os.stat(f"{database}{suffix}").st_size)
        except OSError:
            continue
    return OnDisk(sum(sizes) if sizes else None, _began(pid), tail(log, 32_000))


def _began(pid: int | None) -> int | None:
    if pid is None:
        return None
    import psutil

    try:
        return int(psutil.Process(pid).create_time()) * 1000
    except psutil.Error:
        return None


class ServerScreen(ConsoleScreen):
    """See the module."""

    DEFAULT_CSS = """
    ServerScreen #facts { height: 7; }
    ServerScreen.-low #facts { height: 4; }
    ServerScreen #output { height: 1fr; }
    """

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self._facts = LinesView(id="facts")
        self._heading = TextLine(id="output-heading")
        self.view = LinesView(id="output", focusable=True)
        self._watch: Watch[ServerInfo] | None = None
        self._lookout: Lookout[OnDisk] | None = None
        self.disk = OnDisk(None, None, [])
        self._log: list[Line] = []

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.SERVER})

    @property
    def kept(self) -> list[Kept]:
        return [each for each in (self._watch, self._lookout) if each]

    @property
    def main(self) -> Widget:
        return self.view

    @property
    def address(self) -> str:
        return "server"

    @property
    def own(self) -> bool:
        """Whether it is the user's own server, on this host."""
        return isinstance(self.app.connector, OwnServer)

    @property
    def info(self) -> ServerInfo | None:
        """What it says of itself, while it answers."""
        live = self.store.connection.state is State.LIVE
        return self._watch.value if live and self._watch else None

    def body(self) -> Iterator[Widget]:
        yield self._facts
        yield Rule("┄")
        yield self._heading
        yield self.view

    def on_mount(self) -> None:
        self._watch = Watch(
            self.store,
            endpoints.server_info(),
            lambda change: change.event in ("open", "reset", "node"),
            self._answered,
        )
        self._lookout = Lookout(self._look, self._told, self.store.defect)
        self.view.focus()
        self.draw()

    def _answered(self, _: Watch[ServerInfo]) -> None:
        self.call_later(self.draw)

    def _here(self) -> bool:
        """Whether the server is a process of this host, so that its files can be looked at."""
        record = local_server.read_record()
        address = self.store.address
        return bool(record and address and record.url == address.url and record.process_space == process_space())

    def _look(self) -> OnDisk:
        if not (self.own or self._here()):
            return OnDisk(None, None, [])
        info = self.info
        return look_at(local_server.home() / "torc.db", info.pid if info else None, local_server.log_path())

    def _told(self, seen: OnDisk | TorcError) -> None:
        if isinstance(seen, OnDisk):
            self.disk = seen
            self.draw()
            now = datetime.now()
            self._log = [log_line(line, now) for line in seen.log] or [[(f"   {self._no_log()}", "dim")]]
            self._show_log()

    def _show_log(self) -> None:
        at_end = self.view.top + self.view.size.height >= len(self.view.lines)
        self.view.show(whole_lines(self._log, self.view.size.width))
        if at_end:
            self.view.scroll_rows(len(self.view.lines))

    def on_lines_view_resized(self) -> None:
        self._show_log()

    def _no_log(self) -> str:
        return "nothing yet" if self.own else "its log is where it runs"

    def draw(self) -> None:
        """Show what is known."""
        info, connection, disk = self.info, self.store.connection, self.disk
        address = self.store.address
        rows: list[tuple[str, str]] = []
        if info:
            state: Line = [*self.app.characters.status("running"), (f"   pid {info.pid}", "dim")]
            version = info.version if info.version == VERSION else f"{info.version}; this console is {VERSION}"
            rows.append(("version", version))
        elif self.own and isinstance(self.app.connector, OwnServer) and self.app.connector.stopped:
            state = [*self.app.characters.status("empty", "stopped"), ("   s", "key"), (" starts it", "dim")]
        else:
            state = [
                *self.app.characters.status("failed", connection.state.value.lower()),
                (f"   {connection.reason}", "text"),
            ]
        rows.append(("address", address.url if address else numbers.NOTHING))
        if info and disk.since:
            rows.append(("up since", numbers.clock(disk.since, datetime.now())))
        database = (info.database if info else None) or (str(local_server.home() / "torc.db") if self.own else None)
        size = f"  {numbers.size(disk.size)}" if disk.size is not None else ""
        rows.append(("database", f"{tilde(database)}{size}" if database else numbers.NOTHING))
        if info:
            rows.append(("runners", f"{info.active_nodes} at work" if info.active_nodes else "none at work"))
        kind = "your own: started when it is needed, ends when idle" if self.own else "given by --url"
        rows.append(("kind", kind))
        self._facts.show(
            [[("   ", ""), *state], *([(f"   {name:<12}", "dim"), (value, "text")] for name, value in rows)]
        )
        self._heading.show([("   LOG  ", "title"), (tilde(local_server.log_path()) if self.own else "", "dim")])
        self.refresh_lines()

    def connection_changed(self) -> None:
        super().connection_changed()
        self.draw()
        if self._lookout:
            self._lookout.touch()

    def scroll(self, rows: int) -> None:
        """Scroll the log."""
        self.view.scroll_rows(rows)

    def scroll_page(self, pages: int) -> None:
        """Scroll the log by screens."""
        self.view.scroll_rows(pages * max(1, self.view.size.height - 2))

    def title_lines(self) -> tuple[Line, Line]:
        return [("Workflows › ", "dim"), ("Server", "strong")], []
