"""What a workflow file would make, or what is wrong with it, as lines of the create screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torc_tui.checking import Checked, Outline
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line, fitted, width_of, wrapped
from torc_tui.rendering.numbers import many

STAGES_SHOWN = 12
"""So many stages are shown."""

NOUNS = {
    "jobs": "job", "files": "file", "user_data": "document", "resource_requirements": "requirement",
    "failure_handlers": "failure handler", "slurm_schedulers": "scheduler", "actions": "action",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problems:
    """Problems as lines, and which line each of them begins at."""

    lines: list[Line]
    starts: list[int]


def problem_lines(checked: Checked, cursor: int, width: int) -> Problems:
    """Errors, then warnings; the one at the cursor is marked."""
    lines: list[Line] = []
    starts: list[int] = []
    kinds = (("error", "✖", checked.errors), ("warning", "!", checked.warnings))
    for role, glyph, problems in kinds:
        if not problems:
            continue
        if lines:
            lines.append([])
        lines.append([(f" {glyph} {many(len(problems), role)}", role)])
        for problem in problems:
            here = len(starts) == cursor
            starts.append(len(lines))
            mark: Line = [("▌" if here else " ", "accent"), (" ", "")]
            lines.append([*mark, (problem.where, "strong" if here else "dim")])
            for part in wrapped(problem.message, max(width - 6, 10)):
                lines.append([("▌" if here else " ", "accent"), (f"   {part}", "text")])
    if checked.errors:
        lines += [
            [],
            [("   enter ", "key"), ("goes to the line   ", "dim"), ("ctrl+e ", "key"), ("edits the file", "dim")],
        ]
    return Problems(lines, starts)


def outline_lines(checked: Checked, width: int) -> list[Line]:
    """Counts, stages, the first jobs, warnings and what all of it asks for."""
    outline = checked.outline
    assert outline is not None
    lines: list[Line] = [[(" ✔ ", "completed"), (outline.name, "strong")]]
    lines += [
        [(f"   {part}", "dim")] for part in (wrapped(outline.description, width - 5) if outline.description else [])
    ]
    counts = [many(n, NOUNS.get(kind, kind)) for kind, n in outline.counts.items() if n]
    stages = many(len(outline.stages), "stage")
    lines += [[], [(f"   {counts[0] if counts else 'no jobs'} in {stages}", "strong")]]
    lines += [[(f"   {part}", "text")] for part in wrapped(", ".join(counts[1:]), width - 5) if counts[1:]]
    asked = wrapped(_asked(outline), width - 14)
    lines += [[("   asks for " if index == 0 else " " * 12, "dim"), (part, "text")] for index, part in enumerate(asked)]
    lines += _missing(outline, width) + _warnings(checked, width)
    lines += _stages(outline, width) + _jobs(outline, width)
    return lines


def _asked(outline: Outline) -> str:
    totals = outline.totals
    largest = [f"{totals.max_cpus} cpu", numbers.size(totals.max_memory_bytes)]
    if totals.max_gpus:
        largest.append(f"{totals.max_gpus} gpu")
    largest.append(numbers.duration(totals.max_runtime_s))
    if totals.max_nodes > 1:
        largest.append(f"{totals.max_nodes} nodes")
    said = f"{numbers.duration(totals.cpu_seconds)} of cpu time; the largest job {', '.join(largest)}"
    if totals.without_requirements == outline.counts.get("jobs"):
        return f"nothing special: every job counts as {largest[0]}, and nothing is limited"
    return said


def _missing(outline: Outline, width: int) -> list[Line]:
    if not outline.missing:
        return []
    count = many(len(outline.missing), "input file")
    them = "it" if len(outline.missing) == 1 else "them"
    lines: list[Line] = [[], [(f" ! {count} missing, and no job makes {them}", "warning")]]
    lines += [fitted([("   ", ""), (path, "text")], width) for path in outline.missing[:6]]
    if len(outline.missing) > 6:
        lines.append([(f"   and {len(outline.missing) - 6:,} more", "dim")])
    if outline.beside:
        lines.append([("   They are beside the file: ", "dim"), ("o", "key"), (" sets the folder jobs work in", "dim")])
    return lines


def _warnings(checked: Checked, width: int) -> list[Line]:
    lines: list[Line] = []
    for problem in checked.warnings[:6]:
        parts = wrapped(str(problem), max(width - 5, 10))
        lines += [[(" ! " if index == 0 else "   ", "warning"), (part, "text")] for index, part in enumerate(parts)]
    if len(checked.warnings) > 6:
        lines.append([(f"   and {many(len(checked.warnings) - 6, 'warning')} more", "dim")])
    return [[], *lines] if lines else []


def _stages(outline: Outline, width: int) -> list[Line]:
    lines: list[Line] = [[], [("   STAGE   JOBS", "title")]]
    for number, (count, names) in enumerate(outline.stages[:STAGES_SHOWN], 1):
        head: Line = [(f"   {number:>5}", "text"), (f"{count:>7,}  ", "strong")]
        lines.append(fitted([*head, (names, "dim")], width - 1))
    if len(outline.stages) > STAGES_SHOWN:
        lines.append([(f"   and {many(len(outline.stages) - STAGES_SHOWN, 'stage')} more", "dim")])
    return lines


def _jobs(outline: Outline, width: int) -> list[Line]:
    lines: list[Line] = [[], [("   FIRST JOBS", "title")]]
    names = min(max((len(job.name) for job in outline.jobs), default=0), max(width // 3, 8))
    for job in outline.jobs:
        asks: Line = [(f"  {job.asks}", "dim")] if job.asks and width >= 60 else []
        head: Line = [("   ", ""), *fitted([(job.name, "text")], names), ("  ", "")]
        room = width - width_of(head) - width_of(asks) - 1
        lines.append([*head, *fitted([(job.command, "dim")], max(room, 0)), *asks])
    more = outline.counts.get("jobs", 0) - len(outline.jobs)
    if more > 0:
        lines.append([(f"   and {more:,} more", "dim")])
    return lines


def same_name_line(name: str, rows: Sequence[dict[str, object]], total: int) -> str:
    """What it means that there are workflows of this name already."""
    if not total:
        return f"no other workflow is called {name}"
    newest = rows[0]
    state = "done" if newest.get("state") == "completed" else newest.get("state")
    if total == 1:
        return f"workflow {newest['id']} ({state}) has this name too; it stays, and this makes another"
    return f"{total:,} workflows have this name, the latest is {newest['id']} ({state}); this makes another"
