"""The columns of the failures screen, and the preview of the failure under the cursor."""

from __future__ import annotations

from torc_core.models.console import Row
from torc_core.models.failures import AttemptOutput
from torc_core.wording import STOPPED
from torc_tui.logs.text import cleaned
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line, plain
from torc_tui.rendering.columns import Column, Look


def is_stop(cause: str) -> bool:
    """Whether jobs did not fail by themselves: their runner was stopped."""
    return cause.startswith(STOPPED)


def is_group(row: Row) -> bool:
    """Whether a row is a cause, not a job."""
    return bool(row["id"] < 0)


def _name(row: Row, look: Look) -> Line:
    if is_group(row):
        return [(look.characters.text("▾ " if row["open"] else "▸ "), "accent"), (str(row["name"]), "strong")]
    glyph = look.characters.glyph(row["status"])
    return [("    ", ""), *glyph, (f" {row['name']}", "text"), (f"  {row['id']}", "dim")]


def _jobs(row: Row, _: Look) -> Line:
    if is_group(row):
        return [(numbers.count(row["jobs"]), "failed")]
    attempt = row.get("attempt", 1)
    return [(f"try {attempt}", "dim")] if attempt > 1 else []


def _workflow(row: Row, _: Look) -> Line:
    if is_group(row) and row["workflows"] > 1:
        return [(numbers.many(row["workflows"], "workflow"), "text")]
    node = f" on {row['node']}" if row.get("node") else ""
    return [(f"{row.get('workflow', '')}{node}", "text" if is_group(row) else "dim")]


def _clock(name: str, look: Look, row: Row) -> Line:
    moment = row.get(name)
    return [(numbers.clock(moment, look.now), "text" if is_group(row) else "dim")] if moment else []


def _first(row: Row, look: Look) -> Line:
    return _clock("first", look, row) if is_group(row) else []


def _last(row: Row, look: Look) -> Line:
    return _clock("last" if is_group(row) else "end", look, row)


def telling(text: str) -> str:
    """The line of the end of stderr that tells most: the last one that says something."""
    lines = [plain(cleaned(line)).strip() for line in text.encode().splitlines()]
    return next((line for line in reversed(lines) if any(c.isalnum() for c in line)), "")


def _said(row: Row, _: Look) -> Line:
    said, why = telling(str(row.get("said") or "")), str(row.get("why") or "")
    if not is_group(row) and why:
        detail = why.partition(": ")[2] or why
        said = f"{detail}  {said}" if said else detail
    return [(said, "text" if is_group(row) else "dim")]


FAILURES = (
    Column("name", "CAUSE", 24, _name, weight=100, grows=True, limit=34),
    Column("jobs", "JOBS", 6, _jobs, weight=99, right=True),
    Column("workflow", "WORKFLOW", 16, _workflow, weight=80, grows=True, limit=22),
    Column("first", "FIRST", 12, _first, weight=50, right=True),
    Column("last", "LAST", 12, _last, weight=70, right=True),
    Column("said", "STDERR", 26, _said, weight=90, grows=True, limit=400, sortable=False),
)


def preview_lines(row: Row, name: str, attempt: AttemptOutput | None, height: int) -> list[Line]:
    """The job of a row, and the end of its stderr, in `height` lines."""
    head: Line = [(" ", ""), (name, "strong"), ("  the last of them" if is_group(row) else "", "dim")]
    if attempt is None:
        return [head]
    head.append((f"  attempt {attempt.attempt}", "dim"))
    if attempt.host:
        head.append((f"  on {attempt.host}", "dim"))
    if attempt.exit is not None:
        head.append((f"  exit {attempt.exit}", "failed"))
    if row.get("why"):
        head.append((f"  {row['why']}", "failed"))
    text = (attempt.stderr or "").rstrip().encode().splitlines()
    if not text:
        return [head, [("   it wrote nothing to stderr", "dim")]]
    return [head, *([("   ", ""), *cleaned(line)] for line in text[-max(1, height - 1) :])]
