"""Changing jobs, one or 100,000: the plan that is shown, and the one request that does it."""

from __future__ import annotations

from collections.abc import Callable

from torc_core.client.job_changes import Which, change_jobs
from torc_core.errors import TorcError
from torc_core.models.job_changes import ChangeTold, JobEdit, Requirement
from torc_tui.plans import Plan, typed_count
from torc_tui.rendering.numbers import many
from torc_tui.statuses import ACTIVE, ENDED, count
from torc_tui.store import Store


async def plan_cancel(store: Store, which: Which, what: str) -> Plan:
    """Running jobs are stopped, waiting ones become canceled. TorcError when nothing is left to cancel."""
    told = await _look(store, which, "cancel")
    active = sum(told.by_status.get(label, 0) for label in ACTIVE)
    lines = []
    if active:
        lines.append(f"{many(active, 'running job')} will be stopped: SIGTERM, then SIGKILL after 10 s.")
    if told.jobs > active:
        lines.append(f"{many(told.jobs - active, 'waiting job')} will be canceled.")
    if told.below:
        lines.append(f"So will {many(told.below, 'job')} below, for want of {_them(told.jobs)}.")
    said = "Cancel it" if told.jobs == 1 else "Cancel them"
    return _plan(store, which, "cancel", f"Cancel {what}?", [*lines, *_left(told)], said, told, _done("canceled"))


async def plan_disable(store: Store, which: Which, what: str) -> Plan:
    """Waiting jobs will not run until they are enabled. TorcError when none waits."""
    told = await _look(store, which, "disable")
    lines = [f"{many(told.jobs, 'waiting job')} will not run until enabled again ('+')."]
    if told.below:
        lines.append(f"{many(told.below, 'job')} below will be canceled: a disabled job is no success.")
    return _plan(
        store, which, "disable", f"Disable {what}?", [*lines, *_left(told)], "Disable", told, _done("disabled"),
        confirm=told.jobs > 1 or told.below > 0,
    )  # fmt: skip


async def plan_enable(store: Store, which: Which, what: str) -> Plan:
    """Disabled jobs wait for their turn again. TorcError when none is disabled."""
    told = await _look(store, which, "enable")
    lines = [f"{many(told.jobs, 'disabled job')} will be ready or blocked, as the dependencies say."]
    if told.below:
        lines.append(f"{many(told.below, 'job')} below, canceled for want of {_them(told.jobs)}, will wait again.")
    return _plan(
        store, which, "enable", f"Enable {what}?", [*lines, *_left(told)], "Enable", told, _done("enabled"),
        confirm=told.jobs > 1, danger=False,
    )  # fmt: skip


async def plan_edit(store: Store, which: Which, what: str, edit: JobEdit) -> Plan:
    """Other resources or another priority; a requirement that other jobs share is left to them."""
    told = await _look(store, which, "edit", edit)
    changed = [each for each in told.requirements if each.becomes is not None]
    lines = [_requirement_line(each, edit) for each in changed]
    if edit.priority is not None:
        now = " to ".join(str(number) for number in told.priorities)
        lines.append(f"Priority {now} becomes {edit.priority}; ready jobs of higher priority run first.")
    if not lines:
        raise TorcError("nothing changes: that is what they have")
    running = sum(told.left_out.get(label, 0) for label in ACTIVE)
    if running:
        lines.append(f"{many(running, 'running job')} keep{'s' * (running == 1)} what {_they(running)}.")
    lines += kept_until_again(told)
    return _plan(
        store, which, "edit", f"Change {what}?", lines, "Change it" if told.jobs == 1 else "Change them", told,
        _done("changed"), edit=edit, confirm=told.jobs > 1 or any(each.is_new for each in changed), danger=False,
    )  # fmt: skip


def kept_until_again(told: ChangeTold) -> list[str]:
    """What an edit does not do for jobs that ended."""
    ended = count(told.by_status, ENDED)
    if not ended:
        return []
    again = "it runs" if ended == 1 else "they run"
    return [f"{many(ended, 'job')} ended already; what is asked for counts when {again} again."]


async def _look(store: Store, which: Which, change: str, edit: JobEdit | None = None) -> ChangeTold:
    told = await store.ask(change_jobs(which, change, edit, dry_run=True))
    if not told.jobs:
        have = ", ".join(f"{n:,} {label}" for label, n in told.left_out.items())
        raise TorcError(f"nothing to {change}: {have or 'no job is meant'}")
    return told


def _plan(
    store: Store,
    which: Which,
    change: str,
    title: str,
    lines: list[str],
    verb: str,
    told: ChangeTold,
    done: Callable[[ChangeTold], str],
    *,
    edit: JobEdit | None = None,
    confirm: bool = True,
    danger: bool = True,
) -> Plan:
    async def apply() -> str:
        return done(await store.ask(change_jobs(which, change, edit, dry_run=False)))

    return Plan(
        title, lines, verb, apply, confirm=confirm, danger=danger, type_this=typed_count(told.jobs),
        details=told.names if told.jobs > 1 or told.left_out else [], details_total=told.jobs,
    )  # fmt: skip


def _done(word: str) -> Callable[[ChangeTold], str]:
    def said(told: ChangeTold) -> str:
        thing = f"job {told.names[0]}" if told.jobs == 1 and told.names else many(told.jobs, "job")
        return f"{thing} {word}"

    return said


def _left(told: ChangeTold) -> list[str]:
    have = ", ".join(f"{n:,} {label}" for label, n in told.left_out.items())
    return [f"Left as they are: {have}."] if have else []


def _them(jobs: int) -> str:
    return "it" if jobs == 1 else "them"


def _they(jobs: int) -> str:
    return "it has" if jobs == 1 else "they have"


def _requirement_line(each: Requirement, edit: JobEdit) -> str:
    now = "nothing asked for" if each.built_in else _needs(each.now)
    after = _needs({**each.now, **{name: value for name in each.now if (value := getattr(edit, name)) is not None}})
    line = f"{many(each.jobs, 'job')} of requirement {each.name}: {now} → {after}."
    if each.becomes == each.name:
        return line
    made = "a new one" if each.is_new else "one that is there"
    kept = f"{many(each.others, 'other job')} keep{'s' * (each.others == 1)} {each.name}"
    get = "It gets" if each.jobs == 1 else "They get"
    return f"{line} {get} {made}, {each.becomes}" + (f"; {kept}." if each.others else ".")


def _needs(row: dict[str, object]) -> str:
    parts = [f"{row['num_cpus']} cpu", str(row["memory"]), str(row["runtime"]).removeprefix("PT").lower()]
    return ", ".join([*parts, f"{row['num_gpus']} gpu"] if row["num_gpus"] else parts)
