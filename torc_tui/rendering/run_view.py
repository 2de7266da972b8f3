"""Local runs: the columns of their list, and one of them with what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from torc_core.models.console import Row
from torc_tui.local_runs import Seen
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


def load(node: Row) -> Line:
    """What a runner has at work, of what it offers, and what that uses."""
    slots, taken = node.get("slots"), node.get("taken_memory")
    of_slots = f" of {max(slots, node['jobs']):,} at once" if slots is not None else ""
    parts = [f"{numbers.many(node['jobs'], 'job')}{of_slots}"]
    parts.append(f"{node.get('taken_cpus', 0)} of {numbers.many(node['cpus'], 'cpu')} taken")
    parts.append(f"{numbers.size(taken or 0)} of {numbers.size(node['memory_gb'] * 1024**3)} asked for")
    used = [numbers.percent(node["cpu"])] if "cpu" in node else []
    used += [numbers.size(node["mem"])] if "mem" in node else []
    line: Line = [(", ".join(parts), "text")]
    return [*line, (f"   in use: {', '.join(used)}", "running")] if used else line


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
    lines: list[Line] = [[(f"   {name:<14}", "dim"), (value, "text")] for name, value in rows]
    if node is not None and seen.active:
        lines.insert(0, [(f"   {'at work':<14}", "dim"), *load(node)])
    return [state, *why, *lines]


def tail(path: Path | None, limit: int = TAIL_BYTES) -> list[str]:
    """The last lines of a file; none when it is not there. Reads: to be called in a thread."""
    if path is None:
        return []
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - limit))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return lines[1:] if size > limit else lines


_LOG = re.compile(r"^\[(\S+Z) (\w+)\s+torc[\w:]*\] (.*)$")
_FIELD = re.compile(r"\b(\w+)=(\S+)")
_ROLES = {"WARN": "warning", "ERROR": "error", "DEBUG": "dim"}


def log_line(text: str, now: datetime) -> Line:
    """A line of a log of torc's: local time, what happened, and its fields apart from that."""
    found = _LOG.match(text)
    clean = "".join(c if c.isprintable() else " " for c in (found.group(3) if found else text))
    if not found:
        return [("   ", ""), (clean, "text")]
    when, level, _ = found.groups()
    line: Line = [("   ", ""), (f"{numbers.clock_of_text(when, now)}  ", "dim")]
    first = _FIELD.search(clean)
    said, fields = (clean[: first.start()], clean[first.start() :]) if first else (clean, "")
    bad = "failed" if "status=failed" in fields or "status=terminated" in fields else ""
    line.append((said, _ROLES.get(level, bad or "text")))
    return [*line, (fields, bad or "dim")] if fields else line


def output_lines(said: Sequence[str], log: Sequence[str], now: datetime) -> list[Line]:
    """The runner's log, and what its process wrote beside it."""
    lines = [log_line(line, now) for line in log]
    if said:
        lines += [[("   ", ""), (line, "error")] for line in said if line.strip()]
    return lines or [[("   nothing yet", "dim")]]
