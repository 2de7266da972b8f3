"""What is said about a log: the line above it, and what stands in its place when it cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len

from torc_core.models.failures import AttemptOutput, JobOutput
from torc_tui.logs.search import MOST_HITS, Search
from torc_tui.logs.text import cleaned
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line
from torc_tui.rendering.run_view import tilde

STREAMS = {"o": "stdout", "e": "stderr"}


def about(number: int, exact: bool) -> str:
    """A number of lines: `3,214,551`, or `~3.2 M` while it is estimated."""
    if exact:
        return f"{number:,}"
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"~{number / size:.1f} {unit}"
    return f"~{number}"


def status_line(
    name: str,
    attempt: AttemptOutput,
    size: int | None,
    lines: tuple[int, bool, int, bool],
    *,
    follows: bool,
    notes: Sequence[str],
) -> Line:
    """`train_0042.e  attempt 2  1.2 GB  line 3,214,551 of ~3.2 M  FOLLOW`."""
    line: Line = [(f" {name}", "strong"), (f"  attempt {attempt.attempt}", "dim")]
    if attempt.run > 1:
        line.append((f" of run {attempt.run}", "dim"))
    if size is not None:
        at, at_exact, total, exact = lines
        line += [(f"  {numbers.size(size)}", "text"), ("  line ", "dim"), (about(at, at_exact), "text")]
        line += [(" of ", "dim"), (about(total, exact), "text")]
    if follows:
        line.append(("  FOLLOW", "accent"))
    return [*line, *((f"  {note}", "warning") for note in notes if note)]


def where_line(path: Path | None, stream: str, room: int) -> Line:
    """The file that is shown, as much of its path as there is room for, and what it holds."""
    said = [f"{text}  {STREAMS[stream]}" for text in (tilde(path), path.name)] if path else []
    return [(next((text for text in said if cell_len(text) <= room), STREAMS[stream]), "dim")]


def search_line(search: Search, hit: int | None) -> Line:
    """`/nan  3 of 17`, while it goes on with dots."""
    line: Line = [("/", "key"), (search.pattern.text, "text")]
    going_on = "" if search.complete else "…"
    if search.count == 0:
        return [*line, ("  nothing found" if search.complete else f"  0{going_on}", "dim")]
    ordinal = search.ordinal(hit) if hit is not None else None
    counted = f"{search.count:,}{going_on}"
    said = f"  {ordinal:,} of {counted}" if ordinal else f"  {counted} hit{'s' * (search.count != 1)}"
    more = f", n and N reach {MOST_HITS:,}" if search.count > MOST_HITS else ""
    return [*line, (said + more, "accent")]


def not_there(path: Path, stream: str, attempt: AttemptOutput, here: str, error: Exception) -> list[Line]:
    """Why a file is not shown, where it is, and what is known of it all the same."""
    lines: list[Line] = [[]]
    host = attempt.host
    if attempt.status == "running" and host in (here, None):
        lines += [
            [("  Nothing is written yet", "text"), (f" to {STREAMS[stream]}; it appears here when it is.", "dim")]
        ]
    elif host not in (here, None):
        lines += [[("  This output is on ", "text"), (str(host), "strong"), (f", not on {here}:", "text")]]
    else:
        lines += [[("  It cannot be read: ", "text"), (str(error).removeprefix(f"{path}: "), "warning")]]
    lines += [[], [(f"  {path}", "strong")], []]
    if host not in (here, None):
        lines += [[("  y", "key"), (" copies the path;  ssh ", "dim"), (f"{host} less {path}", "text")]]
    elif attempt.status != "running":
        lines += [[("  It was deleted or moved, or the job's output was not kept. ", "dim"), ("y", "key"),
                   (" copies the path.", "dim")]]  # fmt: skip
    if stream == "e" and attempt.stderr:
        lines += [[], [("  The last lines of it, as the runner reported them", "accent")], []]
        lines += [[("  ", ""), *cleaned(text)] for text in attempt.stderr.encode().splitlines()]
    return lines


def never_ran(output: JobOutput) -> list[Line]:
    """There is no output yet."""
    first: Line = [(f"  {output.name} has not run yet", "text"), (f": it is {output.status}.", "dim")]
    return [[], first, [], [("  What it writes appears here as soon as it runs.", "dim")]]
