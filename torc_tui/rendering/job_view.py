"""A job as lines: the preview under the table of jobs, and the inspector."""

from __future__ import annotations

from torc_core.models.console import JobDetail, Row
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line, between, fitted, plain, width_of, wrapped
from torc_tui.rendering.columns import Look
from torc_tui.rendering.run_view import tilde
from torc_tui.rendering.sparkline import sparkline
from torc_tui.rendering.tables import cause
from torc_tui.statuses import ENDED

FACT = 12
"""Columns of the name of a fact."""


def status_of(detail: JobDetail) -> str:
    return str(detail.job.get("status", "uninitialized"))


def is_at_work(detail: JobDetail) -> bool:
    """Whether a runner has it, which it also may for a while after it was canceled."""
    return detail.node is not None


def last_attempt(detail: JobDetail) -> Row | None:
    """The newest attempt that ended, if the job's status comes from it."""
    return detail.attempts[0] if detail.attempts and status_of(detail) in ENDED else None


def why_title(name: str, job_id: int, status: str) -> str:
    """What is asked by `w`: `Why train_5 (5) is blocked`."""
    ended = {"completed": "completed", "failed": "failed", "canceled": "was canceled", "terminated": "was terminated"}
    return f"Why {name} ({job_id}) {ended.get(status, f'is {status}')}"


def preview_lines(detail: JobDetail, width: int, height: int, look: Look) -> list[Line]:
    """What a job is, needs and unlocks, and the end of its stderr, in `height` lines."""
    job, last = detail.job, last_attempt(detail)
    head: Line = [
        (" ", ""),
        (str(job["name"]), "strong"),
        (f"  attempt {job.get('attempt_id', 1)}", "dim"),
        ("   ", ""),
    ]
    usage = [*_usage(detail, look), (" ", "")]
    command = _command(job)
    beside = width_of(head) + len(command) + width_of(usage) < width
    lines: list[Line] = [between([*head, (command, "text")] if beside else head, usage, width)]
    neighbours = _relation("needs", detail.needs, detail.needs_total, look)
    below = _relation("unlocks", detail.unlocks, detail.unlocks_total, look)
    lines.append(between([(" ", ""), *_why(detail, look)], [*neighbours, ("   ", ""), *below, (" ", "")], width))
    if not beside:
        parts = wrapped(command, width - 6)
        most = 2 if height > 4 else 1
        lines += [[("   ", ""), (part, "text")] for part in parts[:most]]
        if len(parts) > most:
            lines[-1] = [*lines[-1], (" …", "dim")]
    stderr = (last or {}).get("stderr")
    if stderr:
        tail = str(stderr).rstrip().splitlines()[-max(1, height - len(lines)) :]
        lines += [[("   ", ""), *fitted([("".join(wrapped(line, 10_000)), "text")], width - 4)] for line in tail]
    return lines[:height]


def _command(job: Row) -> str:
    return " ".join(str(job.get("command", "")).split())


def _usage(detail: JobDetail, look: Look) -> Line:
    """What it uses now, or used at most, and for how long."""
    now, last = detail.usage, last_attempt(detail)
    if now is None and last is None:
        return []
    memory = now.memory_bytes if now else (last or {}).get("mem")
    cpu = now.cpu_percent if now else (last or {}).get("cpu")
    parts: Line = []
    if memory is not None:
        asked = None if detail.requirements["built_in"] else detail.requirements["memory"]
        outline = f"{sparkline(detail.memory_outline)} ".lstrip()
        parts += [("memory ", "dim"), (outline, "running" if now else "dim")]
        parts.append((numbers.size(memory), "failed" if asked and memory > asked else ""))
        if asked:
            parts.append((f" / {numbers.size(asked)}", "dim"))
    if cpu is not None:
        parts += [("   cpu ", "dim"), (numbers.percent(cpu), "")]
    if last is not None:
        return [*parts, ("   took ", "dim"), (numbers.duration(last.get("time")), "")]
    return [*parts, ("   for ", "dim"), (_so_far(detail, look), "")]


def _so_far(detail: JobDetail, look: Look) -> str:
    """How long it has been running."""
    return numbers.so_far(look.now.timestamp() - detail.start / 1000 if detail.start else None)


def _why(detail: JobDetail, look: Look) -> Line:
    """Why it ended as it did, or what it waits for."""
    status, last = status_of(detail), last_attempt(detail)
    if last is not None and status != "canceled":
        reason = cause(last)
        role = "failed" if status == "failed" else "text"
        return [(reason, role)] if reason else [("exit 0", "dim")]
    return [(numbers.with_clocks(detail.why, look.now), "text")]


def _relation(title: str, jobs: list[tuple[int, str, str]], total: int, look: Look, shown: int = 3) -> Line:
    if not total:
        return []
    line: Line = [(f"{title} ", "dim")]
    for _, name, status in jobs[:shown]:
        line += [(f"{name} ", ""), *look.characters.glyph(status), ("  ", "")]
    if total > shown:
        line.append((f"and {total - min(shown, len(jobs)):,} more", "dim"))
    return line


HEAD = 10
"""So many lines at most stand above stderr where there is one column only."""


def inspector_lines(detail: JobDetail, width: int, look: Look) -> list[Line]:
    """All facts: two columns where there is room, then the end of stderr."""
    half = min(width // 2, 72) if width >= 100 else width
    left, right = _facts(detail, look, half - FACT - 4), _surroundings(detail, look)
    stderr = _stderr(detail, width)
    if width < 100:
        if not stderr:
            return [*left, [], *right]
        end = next((i for i, line in enumerate(left) if not plain(line).strip()), len(left))
        head = min(end, HEAD)
        rest: list[Line] = [[], _title("WHAT, continued")] if head < end else []
        return [*left[:head], [], *stderr, *rest, *left[head:], [], *right]
    lines: list[Line] = []
    for index in range(max(len(left), len(right))):
        first = left[index] if index < len(left) else []
        second = right[index] if index < len(right) else []
        lines.append([*fitted(first, half - 2), ("  ", ""), *fitted(second, width - half)])
    return [*lines, [], *stderr]


def _fact(name: str, value: Line | str) -> Line:
    content: Line = [(value, "")] if isinstance(value, str) else value
    return [(f"  {name:<{FACT}}", "dim"), *content]


def _facts_of(name: str, values: list[str], role: str = "") -> list[Line]:
    """A fact of several lines."""
    return [_fact("" if index else name, [(value, role)]) for index, value in enumerate(values)]


def _title(text: str) -> Line:
    return [(f" {text}", "accent")]


def _facts(detail: JobDetail, look: Look, width: int) -> list[Line]:
    job, last = detail.job, last_attempt(detail)
    status = status_of(detail)
    lines: list[Line] = [_title("WHAT")]
    lines.append(_fact("status", look.characters.status(status)))
    if last is None or cause(last) or status == "canceled":
        ((why, role),) = _why(detail, look)
        lines += _facts_of("why", wrapped(why, width), role)
    lines += _facts_of("command", wrapped(_command(job), width)[:6])
    if job.get("invocation_script"):
        lines.append(_fact("script", str(job["invocation_script"])))
    lines.append(_fact("works in", tilde(job.get("cwd") or detail.origin or numbers.NOTHING)))
    lines += _facts_of("environment", [f"{name}={value}" for name, value in (job.get("env") or {}).items()])
    if job.get("priority"):
        lines.append(_fact("priority", str(job["priority"])))
    lines += [[], _title("WHEN AND WHERE")]
    start = (last or {}).get("start") or detail.start
    lines.append(_fact("started", numbers.clock(start, look.now)))
    if last is not None:
        lines.append(_fact("ended", numbers.clock(last.get("end"), look.now)))
        lines.append(_fact("took", numbers.duration(last.get("time"))))
    elif status == "running" and start:
        lines.append(_fact("runs for", _so_far(detail, look)))
    node = (last or {}).get("node") or (detail.node or {}).get("host")
    lines.append(_fact("node", str(node or numbers.NOTHING)))
    if last is not None and "exit" in last:
        lines.append(_fact("exit", [(str(last["exit"]), "" if last["exit"] == 0 else "failed")]))
    lines += [[], *_resources(detail, look)]
    return lines


def _resources(detail: JobDetail, look: Look) -> list[Line]:
    """What was asked for against what is and was used."""
    need, now = detail.requirements, detail.usage
    used = last_attempt(detail) or {}
    asked = "default" if need["built_in"] else str(need["name"])
    lines: list[Line] = [[(" RESOURCES", "accent"), (f"  {asked}", "dim")]]
    heads = ("asked", "now", "peak") if now else ("asked", "peak", "average")
    lines.append([(f"  {'':<{FACT}}{''.join(f'{head:>10}' for head in heads)}", "dim")])
    memory = None if need["built_in"] else need["memory"]
    runtime = None if need["built_in"] else need["runtime"]
    if now:
        peak = max([*detail.memory_outline, now.memory_bytes])
        sizes: list[int | None] = [now.memory_bytes, peak]
        percents = [numbers.percent(now.cpu_percent)]
        took = _so_far(detail, look)
    else:
        sizes = [used.get("mem"), used.get("avg_mem")]
        percents = [numbers.percent(used.get("cpu")), numbers.percent(used.get("avg_cpu"))]
        took = numbers.duration(used.get("time"))
    over = memory is not None and max(size or 0 for size in sizes) > memory
    cells: Line = [(f"{numbers.size(memory):>10}", "")]
    cells += [
        (f"{numbers.size(size):>10}", "failed" if over and size and size > (memory or 0) else "") for size in sizes
    ]
    lines.append(_fact("memory", cells))
    cpu = f"{need['cpus']} cpu"
    lines.append(_fact("cpu", f"{cpu:>10}" + "".join(f"{percent:>10}" for percent in percents)))
    lines.append(_fact("time", f"{numbers.duration(runtime):>10}{took:>10}"))
    if need["gpus"]:
        lines.append(_fact("gpus", f"{need['gpus']:>10}"))
    if outline := sparkline(detail.memory_outline):
        when = f"  at {numbers.clock(now.at_ms, look.now)}" if now else ""
        lines.append(_fact("over time", [(outline, "running" if now else ""), (f"{when}  p plots it", "dim")]))
    return lines


def _surroundings(detail: JobDetail, look: Look) -> list[Line]:
    lines = [*_attempts(detail, look), []]
    lines += _jobs("NEEDS", detail.needs, detail.needs_total, look, "nothing: it can start at once")
    lines.append([])
    lines += _jobs("UNLOCKS", detail.unlocks, detail.unlocks_total, look, "nothing waits for it")
    if detail.inputs or detail.outputs:
        lines += [[], _title("FILES")]
        lines += [_file("reads", file, look) for file in detail.inputs[:8]]
        lines += [_file("writes", file, look) for file in detail.outputs[:8]]
        more = len(detail.inputs) + len(detail.outputs) - min(8, len(detail.inputs)) - min(8, len(detail.outputs))
        if more:
            lines.append([(f"  and {more:,} more", "dim")])
    return lines


def _attempts(detail: JobDetail, look: Look) -> list[Line]:
    lines: list[Line] = [_title("ATTEMPTS")]
    if not detail.attempts:
        return [*lines, [("  none has ended yet", "dim")]]
    lines.append(
        [(f"  {'RUN':>4} {'TRY':>4}  {'STATUS':<14}{'EXIT':>5}  {'ENDED':>12}{'TIME':>9}{'MEMORY':>9}", "dim")]
    )
    for attempt in detail.attempts[:8]:
        status = fitted(look.characters.status(attempt["status"]), 14)
        lines.append(
            [
                (f"  {attempt['run']:>4} {attempt['attempt']:>4}  ", ""),
                *status,
                (f"{attempt['exit']:>5}", "failed" if attempt["exit"] else "dim"),
                (f"  {numbers.clock(attempt.get('end'), look.now):>12}", ""),
                (f"{numbers.duration(attempt.get('time')):>9}{numbers.size(attempt.get('mem')):>9}", ""),
            ]
        )
    if len(detail.attempts) > 8:
        lines.append([(f"  and {len(detail.attempts) - 8} more", "dim")])
    return lines


def _jobs(title: str, jobs: list[tuple[int, str, str]], total: int, look: Look, none: str) -> list[Line]:
    if not total:
        return [_title(title), [(f"  {none}", "dim")]]
    lines: list[Line] = [[(f" {title}", "accent"), (f"  {total:,}", "dim")]]
    for number, name, status in jobs[:6]:
        lines.append([("  ", ""), *fitted(look.characters.status(status), 16), (f"{name}  ", ""), (str(number), "dim")])
    if total > min(6, len(jobs)):
        lines.append([(f"  and {total - min(6, len(jobs)):,} more", "dim")])
    return lines


def _file(verb: str, file: Row, look: Look) -> Line:
    line: Line = [(f"  {verb:<7}", "dim"), (str(file["path"]), "")]
    if "size" in file:
        line.append((f"  {numbers.size(file['size'])}", "dim"))
    if "modified" in file:
        line.append((f"  {numbers.clock(file['modified'] * 1000, look.now)}", "dim"))
    elif verb == "writes":
        line.append(("  not there yet", "dim"))
    return line


def _stderr(detail: JobDetail, width: int) -> list[Line]:
    last = last_attempt(detail)
    if last is None or not last.get("stderr"):
        return []
    lines: list[Line] = [[(" STDERR", "accent"), ("  last lines", "dim")]]
    for text in str(last["stderr"]).rstrip().splitlines():
        lines += [[("  ", ""), (part, "text")] for part in wrapped(text, max(20, width - 4))]
    return lines
