"""Local runs: the columns of their list, and one of them with what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from torc_core.models.console import Row
from torc_core.run_records import LogPart
from torc_tui.local_runs import Seen
from torc_tui.logs.text import folded, shifted
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line, width_of, wrapped
from torc_tui.rendering.columns import Column, Look
from torc_tui.rendering.tables import moment, text

TAIL_BYTES = 64_000
"""So much of the end of a log is read."""


def tilde(path: str | Path) -> str:
    """A path as it is read best."""
    home = str(Path.home())
    return f"~{str(path)[len(home) :]}" if f"{path}/".startswith(f"{home}/") else str(path)


def run_row(seen: Seen) -> Row:
    """A run as a row of the list."""
    run = seen.run
    row: Row = {
        "id": run.id,
        "name": run.name,
        "workflow": run.workflow_id,
        "status": seen.status,
        "word": seen.word,
        "start": run.started,
        "folder": run.folder,
        "options": run.options.said or "whole machine",
        "pid": run.pid,
        "by": run.by,
        "url": run.url,
        "why": seen.why,
    }
    if seen.ended is not None:
        row |= {"end": seen.ended, "time": (seen.ended - run.started) / 1000}
    return row


def _time(row: Row, look: Look) -> Line:
    if row["status"] == "running":
        return [(numbers.so_far(look.now.timestamp() - row["start"] / 1000), "")]
    return [(numbers.duration(row.get("time")), "" if "time" in row else "faint")]


def _status(row: Row, look: Look) -> Line:
    return look.characters.status(row["status"], row["word"])


RUNS = (
    Column("id", "RUN", 4, text("id", "dim"), weight=95, right=True),
    Column("name", "WORKFLOW", 18, text("name", "strong"), weight=100, grows=True, limit=40),
    Column("workflow", "ID", 5, text("workflow", "dim"), weight=70, right=True),
    Column("status", "STATE", 13, _status, weight=99),
    Column("start", "STARTED", 12, moment("start"), weight=80, right=True),
    Column("end", "ENDED", 12, moment("end", "dim"), weight=50, right=True),
    Column("time", "TIME", 7, _time, weight=90, right=True),
    Column("options", "USES", 22, text("options", "dim"), weight=30),
    Column("by", "BY", 7, text("by", "dim"), weight=25),
    Column("pid", "PID", 7, text("pid", "dim"), weight=20, right=True),
    Column("folder", "JOBS WORK IN", 20, lambda row, _: [(tilde(row["folder"]), "dim")], weight=40, grows=True),
)


def _load(node: Row) -> list[tuple[str, str]]:
    """What a runner has at work, of what it offers, and what that uses."""
    slots = node.get("slots")
    of_slots = f" of {max(slots, node['jobs']):,} at once" if slots is not None else ""
    memory = f"{numbers.size(node.get('taken_memory', 0))} of {numbers.size(node['memory_gb'] * 1024**3)}"
    asked = f"asked for: {node.get('taken_cpus', 0)} of {numbers.many(node['cpus'], 'cpu')}, {memory}"
    found = [("at work", f"{numbers.many(node['jobs'], 'job')}{of_slots}; {asked}")]
    used = [f"{numbers.percent(node['cpu'])} of one cpu"] if "cpu" in node else []
    used += [f"{numbers.size(node['mem'])} of memory"] if "mem" in node else []
    return [*found, ("in use", ", ".join(used))] if used else found


def facts(seen: Seen, look: Look, node: Row | None = None, width: int = 140) -> list[Line]:
    """What was started, where and how, and what became of it, in full.

    `node` is its runner as the server knows it, `width` the columns there are.
    """
    run = seen.run
    state: Line = [("   ", ""), *look.characters.status(seen.status, seen.word)]
    if seen.active:
        state.append((f"   pid {run.pid}, since {numbers.clock(run.started, look.now)}", "dim"))
    elif seen.ended is not None:
        state.append((f"   {numbers.clock(seen.ended, look.now)}", "text"))
        state.append((f" after {numbers.duration((seen.ended - run.started) / 1000)}", "dim"))
    fits = width_of(state) + len(seen.why) + 4 <= width
    if seen.why and fits:
        state.append((f"   {seen.why}", "text"))
    why: list[Line] = [] if fits else [[(f"   {part}", "text")] for part in wrapped(seen.why, max(20, width - 4))]
    output = run.options.output_folder(run.folder)
    named = [name for name in ("VIRTUAL_ENV", "CONDA_DEFAULT_ENV", "CUDA_VISIBLE_DEVICES") if name in run.environment]
    kept = "  ".join(f"{name}={run.environment[name]}" for name in named)
    rows = [
        ("jobs work in", f"{tilde(run.folder)}{'   (started by torc run in a shell)' if run.by == 'shell' else ''}"),
        ("output in", tilde(output)),
        ("uses", run.options.said or "all of this machine that is free"),
        ("server", run.url),
        ("environment", f"{len(run.environment)} variables kept{'  ' + kept if kept else ''}"),
    ]
    if node is not None and seen.active:
        rows = [*_load(node), *rows]
    return [state, *why, *(line for name, value in rows for line in _fact(name, value, width))]


def _fact(name: str, value: str, width: int) -> list[Line]:
    parts = wrapped(value, max(20, width - 18))
    return [[(f"   {'' if index else name:<14}", "dim"), (part, "text")] for index, part in enumerate(parts)]


def tail(file: Path | LogPart | None, limit: int = TAIL_BYTES) -> list[str]:
    """The last lines of a file, or of a part of it; none when it is not there. Reads: to be called in a thread."""
    if file is None:
        return []
    try:
        part = file if isinstance(file, LogPart) else LogPart(file, 0, file.stat().st_size)
        begin = max(part.begin, part.end - limit)
        with part.path.open("rb") as opened:
            opened.seek(begin)
            lines = opened.read(part.end - begin).decode(errors="replace").splitlines()
    except OSError:
        return []
    return lines[1:] if begin > part.begin else lines


_LOG = re.compile(r"^(?:\[(\S+Z) (\w+)\s+torc[\w:]*\]|(\d{4}-\d\d-\d\d \S+) (\w+) torc[\w.]*:) (.*)$")
"""Of a runner: in UTC; or of the server: in local time."""

_FIELD = re.compile(r"\b(\w+)=(\S+)")
_ROLES = {"WARN": "warning", "ERROR": "error", "DEBUG": "dim"}


def log_line(text: str, now: datetime) -> Line:
    """A line of a log of torc's: local time, what happened, and its fields apart from that."""
    found = _LOG.match(text)
    clean = "".join(c if c.isprintable() else " " for c in (found.group(5) if found else text))
    if not found:
        return [("   ", ""), (clean, "text")]
    when, level = found.group(1) or found.group(3), found.group(2) or found.group(4)
    line: Line = [("   ", ""), (f"{numbers.clock_of_text(when, now)}  ", "dim")]
    first = _FIELD.search(clean)
    said, fields = (clean[: first.start()], clean[first.start() :]) if first else (clean, "")
    bad = "failed" if "status=failed" in fields or "status=terminated" in fields else ""
    line.append((said, _ROLES.get(level, bad or "text")))
    return [*line, (fields, bad or "dim")] if fields else line


def whole_lines(lines: Sequence[Line], width: int) -> list[Line]:
    """Lines of a log, those that are longer than `width` columns in several, indented."""
    whole: list[Line] = []
    indent: Line = [(" " * 5, "")]
    room = width - width_of(indent)
    for line in lines:
        if width_of(line) <= width or room < 2:
            whole.append(line)
            continue
        first = folded(line, width)[0]
        rest = folded(shifted(line, width_of(first)), room)
        whole += [first, *([*indent, *piece] for piece in rest)]
    return whole


def output_lines(said: Sequence[str], log: Sequence[str], now: datetime) -> list[Line]:
    """The runner's log, and what its process wrote beside it."""
    lines = [log_line(line, now) for line in log]
    if said:
        lines += [[("   ", ""), (line, "error")] for line in said if line.strip()]
    return lines or [[("   nothing yet", "dim")]]
