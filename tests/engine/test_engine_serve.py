"""Which job a runner gets: order, fit, fair parts, prefetch, and that nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy.exc import IntegrityError

from tests.engine.flow import GIB, Flow
from tests.engine.plan import job, need
from tests.engine.runner import Runner
from tests.engine.stage import Stage, breaks_the_commit
from torc_core.models.exchange import FreeResources

SIZES = {
    "small": need(memory="1g", runtime="PT1M"),
    "long": need(memory="1g", runtime="PT2H"),
    "fat": need(memory="8g", runtime="PT1H"),
    "gpu": need(memory="1g", gpus=1, runtime="PT1M"),
}


def ask_together(stage: Stage, *asks: tuple[Runner, dict[str, Any]]) -> list[list[str]]:
    """Several runners ask in one batch; the names that each gets."""
    calls = [(runner, runner.request(**ask)) for runner, ask in asks]

    async def together() -> list[list[str]]:
        answers = await asyncio.gather(*(runner.exchange(request) for runner, request in calls))
        return [[each.name for each in runner.heed(a).jobs] for (runner, _), a in zip(calls, answers, strict=True)]

    return stage.in_one_batch(together)


def many(n: int, prefix: str = "j", **fields: Any) -> list[Any]:
    return [job(f"{prefix}{i}", **fields) for i in range(n)]


def requirement(flow: Flow, name: str) -> int:
    sql = "SELECT id FROM resource_requirements WHERE workflow_id = ? AND name = ?"
    return int(flow.stage.value(sql, flow.id, name))


class TestOrder:
    @pytest.mark.parametrize(
        ("method", "order"),
        [
            ("gpus_runtime_memory", ["gpu", "long", "fat", "small"]),
            ("gpus_memory_runtime", ["gpu", "fat", "long", "small"]),
            ("none", ["small", "long", "fat", "gpu"]),
        ],
    )
    def test_the_workflows_sort_method_decides(self, stage: Stage, method: str, order: list[str]) -> None:
        flow = stage.flow(*(job(n, needs=n) for n in SIZES), requirements=SIZES, jobs_sort_method=method)
        runner = flow.runner(cpus=8, memory_gb=32, gpus=1)
        taken = [runner.takes(1)[0] for _ in range(4)]
        assert taken == order

    def test_priority_comes_before_the_sort_method_and_age_after_it(self, stage: Stage) -> None:
        flow = stage.flow(
            job("old", needs="small"),
            job("young", needs="small"),
            job("urgent", needs="small", priority=2),
            job("gpu", needs="gpu"),
            requirements=SIZES,
        )
        runner = flow.runner(cpus=8, gpus=1)
        assert [runner.takes(1)[0] for _ in range(4)] == ["urgent", "gpu", "old", "young"]

    def test_within_a_class_the_higher_priority_goes_first(self, stage: Stage) -> None:
        flow = stage.flow(*(job(f"p{i}", priority=i) for i in range(5)))
        assert flow.runner(cpus=3).takes(3) == ["p4", "p3", "p2"]


class TestFit:
    @pytest.mark.parametrize(
        ("needs", "fits", "fits_not"),
        [
            ({"cpus": 3}, {"num_cpus": 3}, {"num_cpus": 2}),
            ({"memory": "3g"}, {"memory_bytes": 3 * GIB}, {"memory_bytes": 3 * GIB - 1}),
            ({"gpus": 2}, {"num_gpus": 2}, {"num_gpus": 1}),
            ({"nodes": 2}, {"num_nodes": 2}, {"num_nodes": 1}),
        ],
    )
    def test_a_job_goes_only_where_it_fits(
        self, stage: Stage, needs: dict[str, Any], fits: dict[str, int], fits_not: dict[str, int]
    ) -> None:
        flow = stage.flow(job("a", needs="n"), requirements={"n": need(**needs)})
        runner = flow.runner(cpus=8, gpus=8, nodes=8)
        room = {"num_cpus": 8, "memory_bytes": 8 * GIB, "num_gpus": 8, "num_nodes": 8}
        assert runner.takes(8, free=FreeResources(**{**room, **fits_not})) == []
        assert runner.takes(8, free=FreeResources(**{**room, **fits})) == ["a"]

    def test_a_job_longer_than_what_is_left_of_the_allocation_stays(self, stage: Stage) -> None:
        flow = stage.flow(
            job("a", needs="n"), job("b", needs="m"), requirements={"n": need(runtime="PT2H"), "m": need()}
        )
        runner = flow.runner(cpus=2)
        assert runner.takes(2, time_left_s=7199) == ["b"]
        assert runner.takes(1, time_left_s=7200) == ["a"]

    def test_several_jobs_fill_what_is_free_and_no_more(self, stage: Stage) -> None:
        sizes = {"big": need(cpus=3, memory="2g"), "one": need()}
        flow = stage.flow(*many(3, "big", needs="big"), *many(9, needs="one"), requirements=sizes)
        taken = flow.runner(cpus=8).takes(100)
        assert taken == ["big0", "big1", "j0", "j1"]

    def test_what_does_not_fit_does_not_hold_up_what_does(self, stage: Stage) -> None:
        flow = stage.flow(job("big", needs="big"), job("one"), requirements={"big": need(cpus=4)})
        assert flow.runner(cpus=4).takes(4, free=FreeResources(2, 8 * GIB)) == ["one"]

    def test_the_number_of_slots_is_the_limit(self, stage: Stage) -> None:
        flow = stage.flow(*many(9))
        assert len(flow.runner(cpus=8).takes(3)) == 3

    def test_resources_do_not_matter_in_queue_mode(self, stage: Stage) -> None:
        flow = stage.flow(*many(3, needs="big"), requirements={"big": need(cpus=64, memory="1t")})
        assert len(flow.runner(cpus=1).takes(2, ignore_resources=True)) == 2

    def test_single_node_jobs_do_not_use_up_nodes(self, stage: Stage) -> None:
        flow = stage.flow(
            *many(2, "wide", needs="wide"), *many(3, needs="one"), requirements={"wide": need(nodes=2), "one": need()}
        )
        assert flow.runner(cpus=9, nodes=3).takes(9) == ["wide0", "j0", "j1", "j2"]

    def test_jobs_of_other_schedulers_fill_what_is_left(self, stage: Stage) -> None:
        flow = stage.flow(*(job(n) for n in "abcd"))
        stage.write(lambda batch: batch.run("UPDATE job SET scheduler_id = 7 WHERE name = 'a'"))
        stage.write(lambda batch: batch.run("UPDATE job SET scheduler_id = 8 WHERE name = 'c'"))
        runner = flow.runner(cpus=4, scheduler_config_id=8)
        assert sorted(runner.takes(3)) == ["b", "c", "d"]
        assert runner.takes(1) == ["a"]


class TestShares:
    def test_two_runners_share_in_proportion_to_what_they_want(self, stage: Stage) -> None:
        flow = stage.flow(*many(12))
        big, small = flow.runner(cpus=16), flow.runner(cpus=8)
        first, second = ask_together(stage, (big, {"slots": 16}), (small, {"slots": 8}))
        assert (len(first), len(second)) == (8, 4)
        flow.check()

    def test_three_runners_get_equal_parts_of_too_little(self, stage: Stage) -> None:
        flow = stage.flow(*many(9))
        runners = [flow.runner(cpus=9) for _ in range(3)]
        assert [len(got) for got in ask_together(stage, *((r, {"slots": 9}) for r in runners))] == [3, 3, 3]

    def test_nobody_gets_nothing_while_there_is_one_for_each(self, stage: Stage) -> None:
        flow = stage.flow(*many(3))
        huge, one, two = flow.runner(cpus=1000), flow.runner(), flow.runner()
        got = ask_together(stage, (huge, {"slots": 1000}), (one, {"slots": 1}), (two, {"slots": 1}))
        assert sorted(len(each) for each in got) == [1, 1, 1]

    def test_everybody_gets_all_when_there_is_plenty(self, stage: Stage) -> None:
        flow = stage.flow(*many(50))
        one, two = flow.runner(cpus=16), flow.runner(cpus=8)
        assert [len(each) for each in ask_together(stage, (one, {"slots": 16}), (two, {"slots": 8}))] == [16, 8]

    def test_what_one_cannot_take_goes_to_the_other(self, stage: Stage) -> None:
        flow = stage.flow(*many(6, needs="gpu"), requirements={"gpu": need(gpus=1)})
        plain, gpus = flow.runner(cpus=8), flow.runner(cpus=8, gpus=8)
        assert [len(each) for each in ask_together(stage, (plain, {"slots": 8}), (gpus, {"slots": 8}))] == [0, 6]

    def test_the_last_jobs_go_to_who_waited_longest(self, stage: Stage) -> None:
        flow = stage.flow(*many(3))
        one, two = flow.runner(), flow.runner()
        assert one.takes() == ["j0"]
        one.ends("j0")
        stage.clock.ahead_s += 1
        assert ask_together(stage, (one, {"slots": 1}), (two, {"slots": 1})) == [["j2"], ["j1"]]

    def test_runners_of_other_workflows_do_not_matter(self, stage: Stage) -> None:
        flow, other = stage.flow(*many(4)), stage.flow(*many(4, "o"))
        mine, theirs = flow.runner(cpus=4), other.runner(cpus=4)
        got = ask_together(stage, (mine, {"slots": 4}), (theirs, {"slots": 4}))
        assert got == [["j0", "j1", "j2", "j3"], ["o0", "o1", "o2", "o3"]]


class TestPrefetch:
    def test_only_the_asked_requirement_is_handed_out_ahead(self, stage: Stage) -> None:
        sizes = {"one": need(), "other": need(cpus=2)}
        flow = stage.flow(*many(20, needs="one"), *many(20, "o", needs="other"), requirements=sizes)
        runner = flow.runner(cpus=2)
        taken = runner.takes(0, prefetch=(requirement(flow, "one"), 5))
        assert taken == ["j0", "j1", "j2", "j3", "j4"]

    def test_free_room_comes_first_everywhere(self, stage: Stage) -> None:
        flow = stage.flow(*many(4))
        ahead, idle = flow.runner(), flow.runner(cpus=4)
        default = requirement(flow, "default")
        got = ask_together(stage, (ahead, {"slots": 0, "prefetch": (default, 10)}), (idle, {"slots": 4}))
        assert got == [[], ["j0", "j1", "j2", "j3"]]

    def test_it_comes_beyond_what_is_free(self, stage: Stage) -> None:
        flow = stage.flow(*many(40))
        assert len(flow.runner(cpus=2).takes(2, prefetch=(requirement(flow, "default"), 3))) == 5

    def test_prefetched_jobs_fit_the_node_and_its_time(self, stage: Stage) -> None:
        sizes = {"wide": need(cpus=4), "long": need(runtime="PT2H")}
        flow = stage.flow(*many(9, "w", needs="wide"), *many(9, "l", needs="long"), requirements=sizes)
        runner = flow.runner(cpus=2)
        assert runner.takes(0, prefetch=(requirement(flow, "wide"), 3)) == []
        assert runner.takes(0, prefetch=(requirement(flow, "long"), 3), time_left_s=60) == []
        assert runner.takes(0, prefetch=(requirement(flow, "long"), 3)) == ["l0", "l1", "l2"]

    def test_what_waits_there_already_is_not_asked_for_again(self, stage: Stage) -> None:
        flow = stage.flow(*many(40))
        runner = flow.runner(cpus=2)
        ahead = (requirement(flow, "default"), 3)
        assert len(runner.takes(2, prefetch=ahead)) == 5
        runner.held.clear()
        assert len(runner.takes(2, prefetch=ahead)) == 5
        assert flow.kept_counts() == {"pending": 5, "ready": 35}


class TestStarvation:
    @pytest.fixture
    def hungry(self, tmp_path: Path) -> Iterator[Stage]:
        with Stage(tmp_path, starved_s=5) as made:
            yield made

    SIZES: ClassVar = {"whole": need(cpus=4), "one": need(runtime="PT1H")}

    def busy(self, stage: Stage, *jobs: Any) -> tuple[Flow, Runner]:
        """A runner of four slots full of small jobs, which the sort method prefers, while a whole-node job waits."""
        flow = stage.flow(*many(60, needs="one"), *jobs, job("whole", needs="whole"), requirements=self.SIZES)
        runner = flow.runner(cpus=4)
        assert len(runner.takes(4)) == 4
        return flow, runner

    def turn_over(self, runner: Runner) -> list[str]:
        """One small job ends, the slot is offered."""
        free = FreeResources(5 - sum(each.num_cpus for each in runner.held.values()), 8 * GIB)
        return [each.name for each in runner.ends(next(iter(runner.held)), slots=1, free=free).jobs]

    def test_a_job_that_needs_the_whole_node_runs_though_small_ones_keep_coming(self, hungry: Stage) -> None:
        _, runner = self.busy(hungry)
        assert self.turn_over(runner) != []
        hungry.clock.ahead_s += 6
        emptied = [self.turn_over(runner) for _ in range(3)]
        assert emptied == [[], [], []]
        assert self.turn_over(runner) == ["whole"]

    def test_before_its_time_nothing_is_kept_free(self, hungry: Stage) -> None:
        _, runner = self.busy(hungry)
        hungry.clock.ahead_s += 4
        assert all(len(self.turn_over(runner)) == 1 for _ in range(8))

    def test_other_nodes_go_on_while_one_is_kept_free(self, hungry: Stage) -> None:
        flow, runner = self.busy(hungry)
        other = flow.runner(cpus=4)
        assert len(other.takes(4)) == 4
        self.turn_over(runner)
        hungry.clock.ahead_s += 6
        assert self.turn_over(runner) == []
        for _ in range(6):
            assert len(self.turn_over(other)) == 1
        assert [self.turn_over(runner) for _ in range(3)] == [[], [], ["whole"]]

    def test_another_node_takes_over_when_the_kept_one_is_gone(self, hungry: Stage) -> None:
        flow, runner = self.busy(hungry)
        other = flow.runner(cpus=4)
        other.takes(4)
        self.turn_over(runner)
        hungry.clock.ahead_s += 6
        assert self.turn_over(runner) == []
        runner.leaves()
        assert [self.turn_over(other) for _ in range(4)] == [[], [], [], ["whole"]]

    def test_a_node_without_the_time_for_it_is_not_kept_free(self, hungry: Stage) -> None:
        sizes = {"long": need(cpus=4, runtime="PT3H"), "one": need(runtime="PT1M", memory="2m")}
        jobs = [*many(60, needs="one"), job("long", needs="long")]
        flow = hungry.flow(*jobs, requirements=sizes, jobs_sort_method="gpus_memory_runtime")
        runner = flow.runner(cpus=4)
        assert len(runner.takes(4, time_left_s=3600)) == 4
        for _ in range(6):
            hungry.clock.ahead_s += 6
            assert (
                len(
                    runner.ends(next(iter(runner.held)), slots=1, time_left_s=3600, free=FreeResources(1, 8 * GIB)).jobs
                )
                == 1
            )

    def test_a_node_that_runs_out_of_time_lets_another_be_kept_free(self, hungry: Stage) -> None:
        flow, runner = self.busy(hungry)
        self.turn_over(runner)
        hungry.clock.ahead_s += 6
        assert self.turn_over(runner) == []
        other = flow.runner(cpus=4)
        other.takes(4, free=FreeResources(3, 8 * GIB))
        runner.call(slots=1, time_left_s=30, free=FreeResources(1, 8 * GIB))
        assert self.turn_over(other) == []

    def test_a_batch_that_is_not_committed_lets_nobody_wait(self, hungry: Stage) -> None:
        flow = hungry.flow(*many(20, needs="one"), job("whole", needs="whole"), requirements=self.SIZES)
        runner = flow.runner(cpus=4)
        request = runner.request(slots=4)

        async def fails() -> tuple[Any, Any]:
            return await asyncio.gather(
                runner.exchange(request), hungry.db.write(breaks_the_commit), return_exceptions=True
            )

        assert all(isinstance(each, IntegrityError) for each in hungry.in_one_batch(fails))
        hungry.clock.ahead_s += 6
        assert runner.takes(4) == ["j0", "j1", "j2", "j3"]

    def test_low_priority_does_not_mean_never(self, hungry: Stage) -> None:
        sizes = {"one": need(), "same": need()}
        flow = hungry.flow(*many(60, needs="one", priority=9), job("humble", needs="same"), requirements=sizes)
        runner = flow.runner()
        runner.takes()
        assert "humble" not in self.take_next(runner)
        hungry.clock.ahead_s += 6
        assert self.take_next(runner) == ["humble"]

    @pytest.mark.parametrize("others", [3, 20])
    def test_a_class_that_went_away_does_not_wait_any_more(self, hungry: Stage, others: int) -> None:
        """Its only job was canceled; when it is ready once more, it waits anew."""
        sizes = {"one": need(runtime="PT1H"), "whole": need(cpus=2)}
        flow = hungry.flow(*many(others, needs="one"), job("whole", needs="whole"), requirements=sizes)
        runner = flow.runner(cpus=2)
        runner.takes(2)
        assert self.take_next(runner) == ["j2"]
        flow.cancel("whole")
        self.take_next(runner)
        hungry.clock.ahead_s += 6
        flow.put_status("whole", "ready")
        flow.put_status("j0", "ready")
        assert self.take_next(runner) == ["j0"]

    def take_next(self, runner: Runner) -> list[str]:
        return [each.name for each in runner.ends(next(iter(runner.held)), slots=1).jobs]


class TestStuck:
    def test_a_job_that_fits_nobody_is_said_with_the_numbers(self, stage: Stage) -> None:
        flow = stage.flow(job("a", needs="huge"), requirements={"huge": need(cpus=64, memory="1t", gpus=2)})
        answer = flow.runner(cpus=4, memory_gb=8).call(slots=4, wait_ms=10_000)
        assert answer.stuck is not None
        for part in ("'huge'", "64 CPUs", "2 GPUs", "1.0 TB memory", "host offers 4 CPUs, 8.0 GB memory, 0 GPUs"):
            assert part in answer.stuck

    def test_runners_that_offer_the_same_are_said_once(self, stage: Stage) -> None:
        flow = stage.flow(job("a", needs="huge"), requirements={"huge": need(cpus=64)})
        flow.runner(cpus=4)
        answer = flow.runner(cpus=4).call(slots=4, wait_ms=10_000)
        assert answer.stuck is not None
        assert answer.stuck.count("host offers 4 CPUs") == 1

    def test_it_is_said_as_soon_as_the_last_job_that_fits_has_ended(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", "a", needs="huge"), requirements={"huge": need(cpus=64)})
        runner, other = flow.runner(cpus=4), flow.runner(cpus=2)
        runner.takes()
        waiting = other.waits()
        assert waiting.held
        runner.ends("a")
        assert "64 CPUs" in str(waiting.answer().stuck)

    def test_it_is_not_said_while_another_live_node_fits(self, stage: Stage) -> None:
        flow = stage.flow(job("a", needs="wide"), requirements={"wide": need(cpus=8)})
        small, wide = flow.runner(cpus=4), flow.runner(cpus=8)
        waiting = small.waits()
        assert waiting.held
        wide.leaves()
        assert "8 CPUs" in str(waiting.answer().stuck)

    def test_it_is_not_said_while_something_runs(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), job("b", needs="huge"), requirements={"huge": need(cpus=64)})
        runner = flow.runner(cpus=2)
        assert runner.takes() == ["a"]
        assert runner.waits().held

    def test_a_job_that_fits_is_not_stuck_when_the_node_is_merely_full(self, stage: Stage) -> None:
        flow = stage.flow(job("a", needs="wide"), requirements={"wide": need(cpus=4)})
        assert flow.runner(cpus=4).waits(slots=1, free=FreeResources(1, GIB)).held

    def test_uninitialized_jobs_are_said(self, stage: Stage) -> None:
        flow = stage.flow(job("a"), initialize=False)
        assert "1 job is not initialized" in str(flow.runner().call(slots=1).stuck)
