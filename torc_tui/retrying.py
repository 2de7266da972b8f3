"""Running failed jobs again: the plan that is shown, and the one request that does it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

from torc_core.client.request import Request
from torc_core.errors import TorcError
from torc_core.models.failures import Concerned, Retry
from torc_tui import launch, workflow_inputs
from torc_tui.plans import Plan, Started, typed_count
from torc_tui.rendering.numbers import many
from torc_tui.store import Store

Asked = Callable[[bool], Request[Retry]]
"""Makes the request, with whether it is only to say what it would do."""

FLOWS_NAMED = 3

RECORDED = 20
"""Files of so many workflows are looked at before their jobs run again."""


async def plan_retry(store: Store, asked: Sequence[Asked], what: str, *, confirm: bool | None = None) -> Plan:
    """Failed jobs run again in the same run, under their next attempt; what was canceled below them waits again.

    `what` follows "Retry"; without `confirm` one job is retried without asking. TorcError when none can be.
    """
    told = _together(await asyncio.gather(*(store.ask(make(True)) for make in asked)))
    if not told.jobs:
        raise TorcError(
            f"nothing to retry: {_refusal(told)}" if told.refused_total else "nothing to retry: none failed"
        )
    idle = [flow for flow in told.workflows if not flow.active_nodes]

    async def apply() -> str | Started:
        await asyncio.gather(*(_record(store, flow.id) for flow in told.workflows[:RECORDED]))
        done = _together([await store.ask(make(False)) for make in asked])
        said = f"{many(done.jobs, 'job')} run{'s' * (done.jobs == 1)} again"
        if done.blocked:
            said += f", {many(done.blocked, 'job')} below wait{'s' * (done.blocked == 1)} for {_them(done.jobs)}"
        if done.refused_total:
            said += f"; {done.refused_total:,} could not be: {_refusal(done)}"
        if len(idle) == 1:
            (flow,) = idle
            run = await launch.launch(store, flow.id, flow.name, flow.origin or os.getcwd())
            said += f"; local run {run.id} does {_them(done.jobs)} on this machine{launch.using(run.options)}"
            return Started(said, run)
        return said

    return Plan(
        f"Retry {what}?", _lines(told, idle), "Retry", apply, keep="Not now",
        confirm=told.jobs > 1 if confirm is None else confirm, danger=False, type_this=typed_count(told.jobs),
        details=told.names if told.jobs > 1 or told.refused else [], details_total=told.jobs,
    )  # fmt: skip


async def _record(store: Store, workflow_id: int) -> None:
    """What runs again runs with the inputs as they are now, which may have been mended."""
    await workflow_inputs.record(store, workflow_id, await workflow_inputs.look(store, workflow_id))


def _them(jobs: int) -> str:
    return "it" if jobs == 1 else "them"


def _lines(told: Retry, idle: list[Concerned]) -> list[str]:
    one = told.jobs == 1
    lines = [f"{many(told.jobs, 'job')} will run again under {'its' if one else 'their'} next attempt; old logs stay."]
    if len(told.workflows) > 1:
        lines.append(f"Of {len(told.workflows):,} workflows: {_named(told.workflows)}.")
    if told.blocked:
        become, have = "becomes" if told.blocked == 1 else "become", "it has" if one else "they have"
        lines.append(f"{many(told.blocked, 'job')} below {become} blocked again, until {have} ended.")
    if told.refused_total:
        lines.append(f"{told.refused_total:,} cannot be retried: {_refusal(told)}.")
    if len(idle) == 1:
        lines.append(f"No runner is active for {idle[0].name} ({idle[0].id}): one is started on this machine.")
    elif idle:
        lines.append(f"No runner is active for {len(idle):,} of the workflows; 'r' there starts one.")
    return lines


def _named(flows: list[Concerned]) -> str:
    shown = ", ".join(f"{flow.name} ({flow.jobs:,})" for flow in flows[:FLOWS_NAMED])
    return f"{shown}, …" if len(flows) > FLOWS_NAMED else shown


def _refusal(told: Retry) -> str:
    first = told.refused[0]
    return f"{first.name or first.id}: {first.why}"


def _together(answers: Sequence[Retry]) -> Retry:
    flows: dict[int, Concerned] = {}
    for answer in answers:
        for flow in answer.workflows:
            if flow.id in flows:
                flows[flow.id].jobs += flow.jobs
            else:
                flows[flow.id] = flow
    return Retry(
        jobs=sum(answer.jobs for answer in answers),
        blocked=sum(answer.blocked for answer in answers),
        workflows=list(flows.values()),
        names=[name for answer in answers for name in answer.names],
        refused=[each for answer in answers for each in answer.refused],
        refused_total=sum(answer.refused_total for answer in answers),
    )
