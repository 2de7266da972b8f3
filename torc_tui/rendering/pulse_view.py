"""Under the list of workflows: what needs attention, and the runners at work."""

from __future__ import annotations

from torc_core.models.console import LiveNodes, Row
from torc_core.models.failures import FailureGroup, Failures
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line, fitted

GAUGE = 8
"""Columns of a gauge."""

GIB = 1024**3


def pulse_lines(failures: Failures | None, nodes: LiveNodes | None, width: int, height: int) -> list[Line]:
    """Both panes beside each other in `height` lines of `width` columns; what is not known yet is left empty."""
    half = width // 2
    left, right = _attention(failures, height, half - 2), _nodes(nodes, height)
    return [
        [*fitted(_at(left, y), half - 2), ("  ", ""), *fitted(_at(right, y), width - half - 1)] for y in range(height)
    ]


def _at(lines: list[Line], y: int) -> Line:
    return lines[y] if y < len(lines) else []


def _attention(failures: Failures | None, height: int, width: int) -> list[Line]:
    head: Line = [(" ATTENTION", "title")]
    if failures is None:
        return [head]
    if not failures.groups:
        return [head, [("  nothing has failed", "dim")]]
    head += [(f"  {numbers.many(failures.jobs, 'failed job')}, {numbers.many(failures.causes, 'cause')}", "dim")]
    head += [("   ! ", "key"), ("shows them", "dim")]
    room = height - 1
    shown = failures.groups[: room if failures.causes <= room else room - 1]
    lines = [head, *(_group(group, width) for group in shown)]
    if failures.causes > len(shown):
        lines.append([(f"  and {failures.causes - len(shown):,} more", "dim")])
    return lines


def _group(group: FailureGroup, width: int) -> Line:
    whose = group.workflow if group.workflows == 1 else numbers.many(group.workflows, "workflow")
    jobs = numbers.many(group.jobs, "job")
    cause = fitted([(group.cause, "text")], max(16, min(30, width - 34)))
    return [(" ✖ ", "failed"), *cause, (f"  {jobs:>11}  ", "failed"), (whose, "strong")]


def _nodes(nodes: LiveNodes | None, height: int) -> list[Line]:
    head: Line = [("NODES", "title")]
    if nodes is None:
        return [head]
    if not nodes.total:
        return [head, [("no runner is at work: ", "dim"), ("r", "key"), (" runs a workflow here", "dim")]]
    memory = f"{numbers.size(nodes.used_memory_bytes)} of {numbers.size(nodes.memory_bytes)}"
    head.append((f"  {nodes.total:,} · {nodes.taken_cpus:,}/{nodes.cpus:,} cpu · {memory}", "dim"))
    room = height - 1
    shown = nodes.nodes[: room if nodes.total <= room else room - 1]
    lines = [head, *(_node(row) for row in shown)]
    if nodes.total > len(shown):
        lines.append([(f"and {nodes.total - len(shown):,} more", "dim")])
    return lines


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
