"""What running jobs use: remembered in memory, thinned, told to who looks."""

from __future__ import annotations

import time

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop
from torc_core.models.exchange import Attempt, ExchangeRequest, FreeResources, Sample, Started
from torc_server import samples as module
from torc_server.samples import LIVE_MS, POINTS, Samples

MB = 1 << 20


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def filled(count: int, *, job: int = 7) -> Samples:
    samples = Samples()
    start = now_ms() - count * 1000
    samples.take(1, [Sample(job, 1, float(i % 100), (i + 1) * MB, 1, start + i * 1000) for i in range(count)])
    return samples


@pytest.mark.parametrize("count", [1, 720, 721, 5_000, 20_001])
def test_a_curve_stays_small_and_covers_the_whole_time_with_its_peaks(count: int) -> None:
    curve = filled(count).curve(1, 7, 1)
    assert curve is not None
    assert min(count, POINTS // 2) <= len(curve.times) <= POINTS
    assert list(curve.times) == sorted(set(curve.times))
    assert abs(curve.times[-1] - curve.times[0] - (count - 1) * 1000) <= 1000 * (count // POINTS * 2 + 1)
    assert max(curve.memory) == curve.memory[-1] == count * MB
    assert curve.last is not None
    assert curve.last.memory_bytes == count * MB


def test_thinned_points_are_means_of_cpu_and_peaks_of_memory() -> None:
    samples = Samples()
    start = now_ms() - 2_000_000
    for i in range(POINTS * 2):
        high = i % 2
        samples.take(1, [Sample(7, 1, 100.0 * high, 3 * MB if high else MB, 1, start + i * 1000)])
    curve = samples.curve(1, 7, 1)
    assert curve is not None
    assert {round(percent) for percent in curve.cpu[:-1]} == {50}
    assert set(curve.memory) == {3 * MB}


def test_samples_told_twice_or_late_or_from_the_future_do_no_harm() -> None:
    samples, now = Samples(), now_ms()
    samples.take(1, [Sample(7, 1, 1.0, MB, 1, now - 2000), Sample(7, 1, 2.0, MB, 1, now - 1000)])
    samples.take(1, [Sample(7, 1, 9.0, MB, 1, now - 2000), Sample(7, 1, 3.0, MB, 1, now + 10**9)])
    curve = samples.curve(1, 7, 1)
    assert curve is not None
    assert list(curve.cpu) == [1.0, 2.0, 3.0]
    assert curve.times[-1] <= now_ms()


def test_all_curves_together_are_bounded_and_the_oldest_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_POINTS", 100)
    samples, now = Samples(), now_ms()
    for job in range(30):
        samples.take(1, [Sample(job, 1, 1.0, MB, 1, now - 10_000 + i) for i in range(10)])
    known = [job for job in range(30) if samples.curve(1, job, 1)]
    assert known == list(range(20, 30))


def test_very_many_short_curves_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CURVES", 5)
    samples, now = Samples(), now_ms()
    samples.take(1, [Sample(job, 1, 1.0, MB, 1, now) for job in range(8)])
    assert [job for job in range(8) if samples.curve(1, job, 1)] == [3, 4, 5, 6, 7]


def test_an_attempt_that_begins_anew_in_another_run_has_an_empty_curve() -> None:
    samples = filled(10)
    samples.started(1, [Started(7, 1, now_ms(), 99)])
    assert samples.curve(1, 7, 1) is None
    assert filled(10).curve(2, 7, 1) is None


def test_runners_are_hurried_only_while_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried: list[tuple[int, float]] = []
    samples, clock = Samples(lambda *call: hurried.append(call)), [1000.0]
    monkeypatch.setattr("torc_server.samples.time.monotonic", lambda: clock[0])
    assert samples.patience_ms(5, 10_000) == 10_000
    assert hurried == []
    samples.look(5)
    assert hurried == [(5, LIVE_MS / 1000)]
    assert samples.patience_ms(5, 10_000) == LIVE_MS
    assert samples.patience_ms(5, 100) == 100
    assert samples.patience_ms(6, 10_000) == 10_000
    clock[0] += module.LOOK_S + 1
    assert samples.patience_ms(5, 10_000) == 10_000
    samples.look(5)
    assert samples.patience_ms(5, 10_000) == LIVE_MS


def test_what_a_running_job_uses_is_in_its_row_its_detail_and_its_curve(shop: Workshop) -> None:
    workflow_id, (job_id,) = shop.workflow("uses", {})
    runner = shop.runner(workflow_id)
    (job,) = runner.claim()
    start = now_ms() - 3000
    for i in range(3):
        runner.use(job, cpu_percent=50.0 + i, memory_bytes=(i + 1) * MB, at_ms=start + i * 1000)
    (row,) = shop.http.get(f"/console/workflows/{workflow_id}/jobs").json()["items"]
    assert (row["cpu"], row["mem"]) == (52.0, 3 * MB)
    detail = shop.http.get(f"/console/jobs/{job_id}").json()
    assert detail["usage"] == {
        "at_ms": start + 2000, "cpu_percent": 52.0, "memory_bytes": 3 * MB, "num_processes": 1,
    }  # fmt: skip
    assert detail["memory_outline"] == [MB, 2 * MB, 3 * MB]
    told = shop.http.get(f"/jobs/{job_id}/samples").json()
    assert told == {
        "job_id": job_id, "attempt_id": 1, "is_monitored": True, "times_ms": [start, start + 1000, start + 2000],
        "cpu_percent": [50.0, 51.0, 52.0], "memory_bytes": [MB, 2 * MB, 3 * MB],
    }  # fmt: skip
    runner.finish(job)
    (row,) = shop.http.get(f"/console/workflows/{workflow_id}/jobs").json()["items"]
    assert row["mem"] == 123 * MB
    detail = shop.http.get(f"/console/jobs/{job_id}").json()
    assert "usage" not in detail
    assert detail["memory_outline"] == [MB, 2 * MB, 3 * MB]
    assert shop.http.get(f"/jobs/{job_id}/samples").json()["memory_bytes"] == [MB, 2 * MB, 3 * MB]


def test_what_the_jobs_of_a_runner_use_together_is_its_curve(shop: Workshop) -> None:
    workflow_id, _ = shop.many("together", 3)
    runner = shop.runner(workflow_id, "n18")
    first, second, third = runner.claim()
    start = now_ms() - 9000

    def curve() -> list[tuple[int, float, int]]:
        told = shop.http.get(f"/compute_nodes/{runner.node_id}/samples").json()
        points = zip(told["times_ms"], told["cpu_percent"], told["memory_bytes"], strict=True)
        return [(at - start, cpu, memory // MB) for at, cpu, memory in points]

    assert curve() == []
    runner.use_all([(first, 50.0, MB), (second, 25.0, 2 * MB)], at_ms=start)
    runner.use_all([(first, 60.0, 3 * MB), (second, 25.0, 2 * MB)], at_ms=start + 1000)
    assert curve() == [(0, 75.0, 3), (1000, 85.0, 5)]
    runner.finish(second)
    runner.use_all([(first, 60.0, 3 * MB)], at_ms=start + 2000)
    assert curve()[2:] == [(2000, 60.0, 3)]
    runner.finish(first)
    assert curve()[-1][1:] == (0.0, 0)
    runner.use_all([(third, 10.0, MB)], at_ms=now_ms() + 5000)
    ended, before, again = curve()[-3:]
    assert (ended[1:], before[1:], again[1:]) == ((0.0, 0), (0.0, 0), (10.0, 1))
    assert before[0] == again[0] - 1
    told = shop.http.get(f"/compute_nodes/{runner.node_id}/samples").json()
    assert (told["host"], told["is_active"], told["cpus"], told["total_memory_bytes"]) == ("n18", True, 64, 64 << 30)
    assert (told["workflow_id"], told["workflow_name"], told["is_monitored"]) == (workflow_id, "together", True)
    runner.finish(third)
    runner.leave()
    assert shop.http.get(f"/compute_nodes/{runner.node_id}/samples").json()["is_active"] is False
    assert shop.http.get("/compute_nodes/999999999/samples").status_code == 404


def test_curves_of_very_many_runners_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NODES", 2)
    samples, now = Samples(), now_ms()
    for node in (1, 2, 3):
        told = ExchangeRequest(1, FreeResources(1, 1), held=[Attempt(7, 1)], samples=[Sample(7, 1, 1.0, MB, 1, now)])
        samples.take_of_node(1, node, told)
    assert [node for node in (1, 2, 3) if samples.node_curve(1, node)] == [2, 3]


def test_samples_say_when_the_workflow_switched_monitoring_off(shop: Workshop) -> None:
    _, (job_id,) = shop.workflow("unmonitored", {}, resource_monitor_config='{"enabled": false}')
    told = shop.http.get(f"/jobs/{job_id}/samples").json()
    assert told["is_monitored"] is False
    assert told["times_ms"] == []
    assert shop.http.get("/jobs/999999999/samples").status_code == 404


def test_a_call_that_waits_is_answered_when_somebody_begins_to_look(
    shop: Workshop, shared_server: ServerProcess
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    workflow_id, _ = shop.workflow("looked_at", {})
    runner = shop.runner(workflow_id)
    runner.claim()
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool, shared_server.client() as other:
        waiting = pool.submit(runner.wait, 8_000)
        while not waiting.running():
            pass
        while not waiting.done() and time.monotonic() - began < 6:
            other.get(f"/console/workflows/{workflow_id}/jobs").raise_for_status()
        answered = waiting.done()
        waiting.result()
    assert answered


@pytest.mark.parametrize(("cpu", "memory"), [(1.0, 1 << 63), (1.0, -1), (float("inf"), MB), (float("nan"), MB)])
def test_a_sample_of_impossible_size_changes_nothing(cpu: float, memory: int) -> None:
    samples = filled(3)
    for _ in range(2):
        samples.take(1, [Sample(7, 1, cpu, memory, 1, now_ms())])
    samples.take(1, [Sample(7, 1, 1.0, MB, 1, now_ms())])
    curve = samples.curve(1, 7, 1)
    assert curve is not None
    assert len(curve.times) == len(curve.cpu) == len(curve.memory) == 4
