"""The clock of the host is set forward and back: times may be odd, but no work is lost and no lease ends by it."""

from __future__ import annotations

import itertools

import pytest

from tests.engine.plan import chain, job
from tests.engine.stage import Stage
from torc_server.engine.check import check

HOUR_MS = 3_600_000


def test_a_clock_that_jumps_changes_nothing_but_times(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.cycle([2 * HOUR_MS, 0, -5 * HOUR_MS, 30 * 24 * HOUR_MS, -1_700_000_000_000])
    now = 1_700_000_000_000
    monkeypatch.setattr("torc_server.store.batch.now_ms", lambda: now + next(clock))
    flow = stage.flow(*chain(4), *(job(f"k{i}", "j3") for i in range(6)))
    lost, runner = flow.runner(), flow.runner(cpus=2)
    lost.takes()
    stage.settle()
    assert len(stage.runners.nodes.by_id) == 2
    lost.dies()
    times = iter([5 * HOUR_MS, 0, 9 * HOUR_MS, HOUR_MS, 1, 2, 3, 4, 5, 6])
    while names := runner.takes(2):
        starts = [next(times) for _ in names]
        runner.send(
            runner.request(
                results=[
                    runner.result(name, start_ms=start, end_ms=start + 1)
                    for name, start in zip(names, starts, strict=True)
                ]
            )
        )
        for name in names:
            del runner.held[name]
    assert set(flow.statuses().values()) == {"completed"}
    assert stage.read(lambda conn: check(conn, one_clock=False)) == []
    assert [(run, attempt) for run, attempt, _ in flow.results("j0")] == [(1, 2)]
