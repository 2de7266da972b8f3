"""The columns of every table. A cell is a function of the row alone (and of the time, for what runs)."""

from __future__ import annotations

from collections.abc import Callable

from torc_core.models.console import Row
from torc_core.wording import exit_text
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line
from torc_tui.rendering.columns import Cell, Column, Look
from torc_tui.rendering.progress import bar, parts, percent_done
from torc_tui.statuses import ACTIVE, FAILED, count

BAR_WIDTH = 18


def text(name: str, role: str = "") -> Cell:
    """The value as it is."""
    return lambda row, _: [(str(row.get(name, numbers.NOTHING)), role if name in row else "faint")]


def number(name: str, role: str = "") -> Cell:
    """A count, dim when it is nothing."""

    def cell(row: Row, _: Look) -> Line:
        value = row.get(name)
        return [(numbers.count(value), role)] if value else [(numbers.NOTHING, "faint")]

    return cell


def measure(name: str, form: Callable[[float | None], str], role: str = "") -> Cell:
    """A measured value in a form of `numbers`, dim when unknown."""
    return lambda row, _: [(form(row.get(name)), role if row.get(name) is not None else "faint")]


def moment(name: str, role: str = "") -> Cell:
    """A time in milliseconds, as the clock shows it."""
    return lambda row, look: [(numbers.clock(row.get(name), look.now), role if name in row else "faint")]


def _status(row: Row, look: Look) -> Line:
    return look.characters.status(row["status"])


def _id(row: Row, _: Look) -> Line:
    return [(str(row["id"]), "dim")]


def workflow_state(row: Row, look: Look) -> Line:
    """Glyph and word of a workflow's state."""
    return look.characters.status(row["state"], "done" if row["state"] == "completed" else None)


def _progress(row: Row, look: Look) -> Line:
    counts = row.get("counts", {})
    line = bar(counts, BAR_WIDTH)
    if look.characters.ascii:
        line = [(look.characters.text(span), role) for span, role in line]
    return [*line, (" ", ""), *_share(row, look)]


def _share(row: Row, _: Look) -> Line:
    share = percent_done(row.get("counts", {}))
    return [(f"{share:>3} %", "" if share else "dim")]


def _done(row: Row, _: Look) -> Line:
    done, _bad, _active, total = parts(row.get("counts", {}))
    return [(f"{done:,}", ""), (f"/{total:,}", "dim")]


def _completed(row: Row, _: Look) -> Line:
    done = row.get("counts", {}).get("completed", 0)
    return [(f"{done:,}", "completed")] if done else [(numbers.NOTHING, "faint")]


def _failed(row: Row, _: Look) -> Line:
    failed = count(row.get("counts", {}), FAILED)
    return [(numbers.count(failed), "failed")] if failed else [(numbers.NOTHING, "faint")]


def _running(row: Row, _: Look) -> Line:
    running = count(row.get("counts", {}), ACTIVE)
    return [(numbers.count(running), "running")] if running else [(numbers.NOTHING, "faint")]


def time_left(row: Row) -> float | None:
    """Seconds until a running workflow ends at its pace; None when nobody can know."""
    pace = row.get("pace")
    done, bad, _, total = parts(row.get("counts", {}))
    return (total - done - bad) / pace if pace else None


def _eta(row: Row, _: Look) -> Line:
    left = time_left(row)
    return [(numbers.duration(left), "")] if left is not None else [(numbers.NOTHING, "faint")]


def _rate(row: Row, _: Look) -> Line:
    pace = row.get("pace")
    return [(numbers.rate(pace), "" if pace else "faint")]


_SHARE = Column("progress", "%", 5, _share, weight=88, right=True)

WORKFLOWS = (
    Column("id", "ID", 5, _id, weight=95, right=True),
    Column("name", "NAME", 18, text("name", "strong"), weight=100, grows=True, limit=60),
    Column("state", "STATE", 15, workflow_state, weight=99),
    Column("progress", "PROGRESS", BAR_WIDTH + 6, _progress, weight=80, narrow=_SHARE),
    Column("done", "DONE / ALL", 15, _done, weight=85, right=True),
    Column("running", "RUNNING", 8, _running, weight=60, right=True),
    Column("rate", "RATE", 7, _rate, weight=50, right=True, sortable=False),
    Column("eta", "ETA", 7, _eta, weight=70, right=True, sortable=False),
    Column("failed", "FAILED", 7, _failed, weight=90, right=True),
    Column("activity", "ACTIVE", 12, moment("activity", "dim"), weight=55, right=True),
    Column("user", "USER", 8, text("user", "dim"), weight=10),
)


def job_time(row: Row, look: Look) -> float | None:
    """Seconds that a job ran, or runs by now."""
    if row["status"] == "running" and "start" in row:
        return look.now.timestamp() - float(row["start"]) / 1000
    return row.get("time")


def _job_time(row: Row, look: Look) -> Line:
    seconds = job_time(row, look)
    said = numbers.so_far if row["status"] == "running" else numbers.duration
    return [(said(seconds), "faint" if seconds is None else "")]


def _exit(row: Row, _: Look) -> Line:
    code = row.get("exit")
    if code is None:
        return [(numbers.NOTHING, "faint")]
    return [(str(code), "dim" if code == 0 else "failed")]


def _attempt(row: Row, _: Look) -> Line:
    attempt = row.get("attempt", 1)
    return [(str(attempt), "dim" if attempt == 1 else "")]


def _memory(row: Row, _: Look) -> Line:
    used, asked = row.get("mem"), row.get("asked")
    if used is None:
        return [
            (f"{numbers.NOTHING} / {numbers.size(asked)}" if asked else numbers.NOTHING, "dim" if asked else "faint")
        ]
    if not asked:
        return [(numbers.size(used), "")]
    (amount, unit), asked_text = numbers.size(used).split(), numbers.size(asked)
    shown = amount if asked_text.endswith(f" {unit}") else f"{amount} {unit}"
    return [(shown, "failed" if used > asked else ""), (f" / {asked_text}", "dim")]


def cause(row: Row) -> str:
    """Why a job ended as it did, in few words."""
    code = row.get("exit")
    return str(row.get("cause") or (exit_text(code) if code else ""))


def _why(row: Row, _: Look) -> Line:
    """Its cause or signal, and the last line that it wrote to stderr."""
    told = cause(row)
    said = str(row.get("said", "")).strip().splitlines()
    if said:
        exit_says_it = "cause" not in row and told.startswith("exit code")
        told = f"{told}: {said[-1].strip()}" if told and not exit_says_it else said[-1].strip()
    return [(told, "failed" if row["status"] == "failed" else "dim")]


def _use_or_why(row: Row, look: Look) -> Line:
    """Of what runs, which has no cause yet, what it uses."""
    if row["status"] != "running" or "mem" not in row:
        return _why(row, look)
    return [(f"{numbers.percent(row.get('cpu')):>5}  ", ""), *_memory(row, look)]


JOBS = (
    Column("id", "ID", 6, _id, weight=95, right=True),
    Column("name", "NAME", 14, text("name", "strong"), weight=100, grows=True, limit=48),
    Column("status", "STATUS", 15, _status, weight=99),
    Column("attempt", "TRY", 3, _attempt, weight=40, right=True),
    Column("node", "NODE", 8, text("node"), weight=45),
    Column("start", "STARTED", 12, moment("start"), weight=60, right=True),
    Column("time", "TIME", 7, _job_time, weight=80, right=True),
    Column("cpu", "CPU", 6, measure("cpu", numbers.percent), weight=61, right=True),
    Column("mem", "MEM / ASKED", 16, _memory, weight=62, right=True),
    Column("exit", "EXIT", 4, _exit, weight=90, right=True),
    Column("cause", "WHY", 20, _why, weight=70, grows=True, instead=("mem", "USES / WHY", _use_or_why)),
)


def _result_id(row: Row, look: Look) -> Line:
    """Attempts that were lost have no result."""
    return _id(row, look) if row["id"] > 0 else [(numbers.NOTHING, "faint")]


RESULTS = (
    Column("id", "ID", 6, _result_id, weight=60, right=True),
    Column("name", "JOB", 12, text("name", "strong"), weight=100, grows=True, limit=32),
    Column("run", "RUN", 3, text("run"), weight=83, right=True),
    Column("attempt", "TRY", 3, _attempt, weight=83, right=True),
    Column("status", "STATUS", 15, _status, weight=99),
    Column("node", "NODE", 8, text("node"), weight=82),
    Column("end", "ENDED", 12, moment("end"), weight=70, right=True),
    Column("time", "TIME", 7, measure("time", numbers.duration), weight=75, right=True),
    Column("cpu", "CPU", 6, measure("cpu", numbers.percent), weight=50, right=True),
    Column("mem", "MEM", 8, measure("mem", numbers.size), weight=55, right=True),
    Column("exit", "EXIT", 4, _exit, weight=90, right=True),
    Column("cause", "WHY", 20, _why, weight=85, grows=True),
)

FILES = (
    Column("id", "ID", 6, _id, weight=60, right=True),
    Column("name", "NAME", 14, text("name", "strong"), weight=100, grows=True, limit=20),
    Column("path", "PATH", 20, text("path"), weight=90, grows=True),
    Column("size", "SIZE", 8, measure("size", numbers.size), weight=80, right=True),
    Column(
        "modified",
        "MODIFIED",
        12,
        lambda row, look: [
            (
                numbers.clock(row["modified"] * 1000 if "modified" in row else None, look.now),
                "" if "modified" in row else "faint",
            )
        ],
        weight=70,
        right=True,
    ),
    Column("made_by", "MADE BY", 16, text("made_by"), weight=50),
    Column("used_by", "READERS", 7, number("used_by"), weight=40, right=True),
)


def _value(row: Row, _: Look) -> Line:
    if "value" not in row:
        return [("not written yet", "dim")]
    return [(" ".join(str(row["value"]).split()), "")]


DATA = (
    Column("id", "ID", 6, _id, weight=60, right=True),
    Column("name", "NAME", 14, text("name", "strong"), weight=100, grows=True, limit=28),
    Column("size", "SIZE", 8, measure("size", numbers.size), weight=80, right=True),
    Column("value", "VALUE", 20, _value, weight=90, grows=True, limit=400),
    Column("ephemeral", "KEPT", 9, lambda row, _: [("ephemeral" if row["ephemeral"] else "kept", "dim")], weight=60),
    Column("made_by", "MADE BY", 16, text("made_by"), weight=50),
    Column("used_by", "READERS", 7, number("used_by"), weight=40, right=True),
)

PLAN = (
    Column("id", "STAGE", 7, _id, weight=99, right=True),
    Column("jobs", "JOBS", 8, number("jobs"), weight=98, right=True, sortable=False),
    Column("progress", "PROGRESS", BAR_WIDTH + 6, _progress, weight=95, sortable=False),
    Column("done", "DONE", 8, _completed, weight=70, right=True, sortable=False),
    Column("running", "RUNNING", 8, _running, weight=75, right=True, sortable=False),
    Column("failed", "FAILED", 7, _failed, weight=90, right=True, sortable=False),
    Column("names", "WHICH", 20, text("names", "strong"), weight=100, grows=True, limit=400, sortable=False),
)
"""A stage of the plan has as its id its number."""

EVENTS = (
    Column("at", "TIME", 12, moment("at"), weight=100, right=True),
    Column("kind", "KIND", 18, text("kind", "accent"), weight=80),
    Column("message", "WHAT", 30, text("message"), weight=90, grows=True, limit=500),
)


def _active(row: Row, look: Look) -> Line:
    return look.characters.runner(active=row["active"])


def _slots(row: Row, _: Look) -> Line:
    slots = row.get("slots")
    jobs: Line = [(f"{row['jobs']:,}", "running" if row["jobs"] else "faint")]
    return [*jobs, (f"/{max(slots, row['jobs']):,}", "dim")] if slots is not None else jobs


def _cpus(row: Row, _: Look) -> Line:
    taken = row.get("taken_cpus")
    return [(f"{taken}/" if taken is not None else "", ""), (str(row["cpus"]), "dim" if taken is not None else "")]


def _node_memory(row: Row, _: Look) -> Line:
    """What its jobs use and asked for, of what it has."""
    total = numbers.size(row["memory_gb"] * 1024**3)
    if "taken_memory" not in row:
        return [(total, "")]
    return [(f"{numbers.size(row['taken_memory'])} ", ""), (f"/ {total}", "dim")]


def _silent(row: Row, _: Look) -> Line:
    """Seconds since its last call; warns when its lease is more than half over."""
    silent = row.get("silent")
    if silent is None:
        return [(numbers.NOTHING, "faint")]
    return [(f"{max(silent, 0)} s", "warning" if silent > row["lease"] / 2 else "dim")]


NODES = (
    Column("id", "ID", 6, _id, weight=60, right=True),
    Column("host", "HOST", 14, text("host", "strong"), weight=100, grows=True, limit=40),
    Column("active", "STATE", 8, _active, weight=99),
    Column("jobs", "JOBS/SLOTS", 10, _slots, weight=90, right=True),
    Column("cpus", "CPUS", 7, _cpus, weight=80, right=True),
    Column("cpu", "CPU", 7, measure("cpu", numbers.percent), weight=78, right=True, sortable=False),
    Column("memory_gb", "TAKEN / MEMORY", 16, _node_memory, weight=75, right=True),
    Column("mem", "USED", 7, measure("mem", numbers.size), weight=74, right=True, sortable=False),
    Column("gpus", "GPUS", 4, number("gpus"), weight=58, right=True),
    Column("silent", "HEARD", 6, _silent, weight=65, right=True, sortable=False),
    Column(
        "since",
        "SINCE",
        12,
        lambda row, look: [(numbers.clock_of_text(row.get("since"), look.now), "")],
        weight=62,
        right=True,
    ),
    Column("time", "LASTED", 7, measure("time", numbers.duration), weight=50, right=True),
    Column("kind", "KIND", 8, text("kind", "dim"), weight=40),
    Column("pid", "PID", 8, text("pid", "dim"), weight=20, right=True),
)

REQUIREMENTS = (
    Column("id", "ID", 6, _id, weight=60, right=True),
    Column("name", "NAME", 14, text("name", "strong"), weight=100, grows=True, limit=40),
    Column("jobs", "JOBS", 8, number("jobs"), weight=95, right=True),
    Column("cpus", "CPUS", 5, number("cpus"), weight=90, right=True),
    Column("memory", "MEMORY", 9, measure("memory", numbers.size), weight=90, right=True),
    Column("gpus", "GPUS", 5, number("gpus"), weight=80, right=True),
    Column("nodes", "NODES", 5, number("nodes"), weight=60, right=True),
    Column("runtime", "RUNTIME", 9, measure("runtime", numbers.duration), weight=85, right=True),
    Column(
        "built_in",
        "",
        26,
        lambda row, _: [("built in, never enforced" if row["built_in"] else "", "dim")],
        weight=30,
        sortable=False,
    ),
)
