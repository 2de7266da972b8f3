"""Under the list of workflows: what needs attention, and the runners at work."""

from __future__ import annotations

from torc_core.models.console import LiveNodes, LostRunner, Row, StuckWorkflow
from torc_core.models.failures import FailureGroup, Failures
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line, fitted
from torc_tui.rendering.columns import Look
from torc_tui.rendering.failure_view import is_stop

GAUGE = 8
"""Columns of a gauge."""

LOST = 3
"""Of so many lost runners at most it is told."""

GIB = 1024**3


def pulse_lines(failures: Failures | None, nodes: LiveNodes | None, width: int, height: int, look: Look) -> list[Line]:
    """Both panes beside each other in `height` lines of `width` columns; what is not known yet is left empty."""
    half = width // 2
    left, right = _attention(failures, nodes, height, half - 2, look), _nodes(nodes, height, look)
    return [
        [*fitted(_at(left, y), half - 2), ("  ", ""), *fitted(_at(right, y), width - half - 1)] for y in range(height)
    ]


def _at(lines: list[Line], y: int) -> Line:
    return lines[y] if y < len(lines) else []


def _cut(head: Line, rows: list[Line], total: int, height: int) -> list[Line]:
    """As many rows as there is room for, and how many more there are."""
    room = height - 1
    shown = rows[: room if total <= room else room - 1]
    more: list[Line] = [[(f"  and {total - len(shown):,} more", "dim")]] if total > len(shown) else []
    return [head, *shown, *more]


def _attention(failures: Failures | None, nodes: LiveNodes | None, height: int, width: int, look: Look) -> list[Line]:
    head: Line = [(" ATTENTION", "title")]
    if failures is None:
        return [head]
    stuck = nodes.stuck if nodes else []
    if not failures.groups and not stuck:
        return [head, [("  nothing has failed", "dim")]]
    if stuck:
        head.append((f"  {numbers.many(len(stuck), 'workflow')} cannot go on", "warning"))
    if failures.groups:
        causes = "" if stuck else f", {numbers.many(failures.causes, 'cause')}"
        head += [
            (f"  {numbers.many(failures.jobs, 'failed job')}{causes}", "dim"),
            ("   ! ", "key"),
            ("shows them", "dim"),
        ]
    longest = max(len(cause) for cause in [*(each.cause for each in stuck), *(each.cause for each in failures.groups)])
    room = max(16, min(30, longest, width - 34))
    groups = sorted(failures.groups, key=lambda group: is_stop(group.cause))
    rows = [_stuck(each, room, look) for each in stuck] + [_group(group, room, look) for group in groups]
    return _cut(head, rows, len(stuck) + failures.causes, height)


def _item(glyph: str, role: str, cause: str, jobs: int, rest: Line, room: int, look: Look) -> Line:
    name = fitted([(cause, "text")], room)
    return [
        (" ", ""),
        *look.characters.glyph(glyph),
        (" ", ""),
        *name,
        (f"  {numbers.many(jobs, 'job'):>11}  ", role),
        *rest,
    ]


def _stuck(each: StuckWorkflow, room: int, look: Look) -> Line:
    rest: Line = [(each.name, "strong"), (f"  {each.lacking}", "warning")]
    return _item("stuck", "warning", each.cause, each.jobs, rest, room, look)


def _group(group: FailureGroup, room: int, look: Look) -> Line:
    whose = group.workflow if group.workflows == 1 else numbers.many(group.workflows, "workflow")
    return _item("failed", "failed", group.cause, group.jobs, [(whose, "strong")], room, look)


def _nodes(nodes: LiveNodes | None, height: int, look: Look) -> list[Line]:
    head: Line = [("NODES", "title")]
    if nodes is None:
        return [head]
    lost = [_lost(each, look) for each in nodes.lost[:LOST]]
    if not nodes.total:
        none: Line = [("no runner is at work: ", "dim"), ("r", "key"), (" runs a workflow here", "dim")]
        return _cut(head, [none, *lost], 1 + len(lost), height)
    memory = f"{numbers.size(nodes.used_memory_bytes)} of {numbers.size(nodes.memory_bytes)}"
    head.append((f"  {nodes.total:,} · {nodes.taken_cpus:,}/{nodes.cpus:,} cpu · {memory}", "dim"))
    return _cut(head, [*lost, *(_node(row) for row in nodes.nodes)], len(lost) + nodes.total, height)


def _lost(each: LostRunner, look: Look) -> Line:
    line = fitted([(each.host, "strong")], 12)
    line += [(" ", ""), *look.characters.glyph("failed"), (f" lost {numbers.clock(each.at_ms, look.now)}", "failed")]
    had = f", with {numbers.many(each.jobs, 'job')}" if each.jobs else ""
    return [*line, (f"  {each.why}{had}", ""), (f"  {each.workflow}", "dim")]


def _node(row: Row) -> Line:
    total = row["memory_gb"] * GIB
    used = row.get("mem")
    silent = row.get("silent", 0) > row.get("lease", 60) / 2
    full = min(max(round(GAUGE * used / total), 1), GAUGE) if used and total else 0
    cpus = f"{row.get('taken_cpus', 0)}/{row['cpus']} cpu"
    line = fitted([(str(row["host"]), "strong")], 12)
    line += [(" ● " if not silent else " ◌ ", "running" if not silent else "warning"), (f"{cpus:>10}  ", "")]
    if silent:
        return [*line, (f"silent for {row['silent']} s ", "warning"), (str(row["workflow"]), "dim")]
    line += [("█" * full, "running"), ("░" * (GAUGE - full), "faint")]
    line += [(f" {numbers.size(used):>7}", "" if used else "faint"), (f" / {numbers.size(total):<7}", "dim")]
    return [*line, (f" {row['workflow']}", "dim")]
