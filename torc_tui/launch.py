"""Starting a run on this machine from the console: what must be right before, and what is kept of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from torc_core.client import endpoints
from torc_core.client.http import Address, Client
from torc_core.errors import TorcError
from torc_core.output_owner import refuse_foreign
from torc_core.run_records import LocalRun, RunOptions
from torc_tui import local_runs
from torc_tui.store import Store

AT_ONCE_S = 15.0
"""A run that ends within so long, however slowly its runner starts, has hardly begun."""

LOOK_EVERY_S = 0.1


async def refuse_other_output(store: Store, folder: str, options: RunOptions) -> None:
    """InputError when the output folder holds the output of another database's workflows."""
    server = await store.ask(endpoints.server_info())
    await asyncio.to_thread(refuse_foreign, options.output_folder(folder), server.database_uuid)


async def deliver_late_results(store: Store, workflow_id: int, folder: str, options: RunOptions) -> None:
    """What a runner that was killed kept in its journal, before a new run makes it worthless."""
    assert store.address is not None
    await asyncio.to_thread(_deliver, store.address, workflow_id, options.output_folder(folder))


def _deliver(address: Address, workflow_id: int, output: Path) -> None:
    from torc_core.runner import journal

    if not journal.found(output, workflow_id):
        return
    with Client(address) as client:
        database_uuid = client.send(endpoints.server_info()).database_uuid
        journal.deliver(
            output,
            workflow_id,
            database_uuid,
            lambda node_id, late: client.send(endpoints.late_results(workflow_id, node_id, late)),
        )


async def launch(
    store: Store,
    workflow_id: int,
    name: str,
    folder: str,
    options: RunOptions | None = None,
    environment: dict[str, str] | None = None,
) -> LocalRun:
    """Start a runner for an initialized workflow. TorcError when that cannot be."""
    summary = await store.ask(endpoints.summary(workflow_id))
    assert store.address is not None
    return await asyncio.to_thread(
        local_runs.start_run, store.address, workflow_id, name, folder,
        options=options, run_id=summary.run_id, environment=environment,
    )  # fmt: skip


def using(options: RunOptions) -> str:
    """What a run was limited to, as what is said of it goes on, and the key for another choice; empty: nothing."""
    return f", using {options.said}; 'o' changes that" if options.said else ""


async def ended_at_once(run: LocalRun) -> str:
    """Look for a while whether a run that was just started goes on: gives what kept it from that."""
    deadline = time.monotonic() + AT_ONCE_S
    while time.monotonic() < deadline:
        try:
            seen = await asyncio.to_thread(local_runs.find, run.id)
        except TorcError:
            return ""  # it was forgotten, so the user knows of its end
        if not seen.active:
            uses = run.options.said or "all that is free"
            way_out = f" ('o' changes what it uses, {uses})" if seen.word == "stuck" else ""
            return f"local run {run.id} ended already, {seen.word}{way_out}: {seen.why}" if seen.broke_off else ""
        await asyncio.sleep(LOOK_EVERY_S)
    return ""
