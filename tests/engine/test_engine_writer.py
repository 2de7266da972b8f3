"""The single writer: one batch, one commit, and one caller's trouble is nobody else's."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from tests.engine.plan import job
from tests.engine.stage import Stage, breaks_the_commit
from torc_core.errors import TorcError
from torc_core.models.exchange import Attempt
from torc_core.models.status import JobStatus
from torc_server.engine.complete import start_job
from torc_server.errors import Busy, Invalid
from torc_server.store import writer
from torc_server.store.batch import Batch, pack
from torc_server.store.database import Database
from torc_server.store.schema import SCHEMA_VERSION


def note(text: str) -> Any:
    """A call that leaves one event behind."""

    def work(batch: Batch) -> str:
        batch.run("INSERT INTO event (workflow_id, timestamp, data) VALUES (1, 0, ?)", text)
        batch.log(1, "event", text=text)
        return text

    return work


def after_note(text: str, error: Exception) -> Any:
    """A call that leaves an event behind and then fails."""

    def work(batch: Batch) -> None:
        note(text)(batch)
        batch.after_commit.append(lambda: pytest.fail("a call that failed must leave nothing to do"))
        raise error

    return work


def events(stage: Stage) -> list[str]:
    return [text for (text,) in stage.rows("SELECT data FROM event ORDER BY id")]


@pytest.mark.parametrize("error", [Invalid("no"), RuntimeError("a bug")])
def test_a_call_that_fails_leaves_the_others_and_leaves_nothing(stage: Stage, error: Exception) -> None:
    stage.flow(job("a"))
    before = stage.value("SELECT count(*) FROM change")
    outcome = stage.write_together(note("one"), after_note("two", error), note("three"))
    assert outcome == ["one", error, "three"]
    assert events(stage) == ["one", "three"]
    assert stage.value("SELECT count(*) FROM change") == before + 2


def test_an_sql_error_in_a_call_hurts_only_that_call(stage: Stage) -> None:
    stage.flow(job("a"))

    def orphan(batch: Batch) -> None:
        note("with an orphan")(batch)
        batch.run("INSERT INTO event (workflow_id, timestamp, data) VALUES (1000000, 0, '')")

    one, error, two = stage.write_together(note("one"), orphan, note("two"))
    assert (one, two) == ("one", "two")
    assert isinstance(error, IntegrityError)
    assert events(stage) == ["one", "two"]


def test_a_failed_call_does_not_undo_reports_of_its_batch(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    runner = flow.runner()
    runner.takes()
    request = runner.request(results=[runner.result("a")])

    async def both() -> tuple[Any, Any]:
        bug = after_note("bug", RuntimeError("a bug"))
        return await asyncio.gather(runner.exchange(request), stage.db.write(bug), return_exceptions=True)

    answer, error = stage.in_one_batch(both)
    assert answer.refused == []
    assert isinstance(error, RuntimeError)
    assert flow.statuses() == {"a": "completed", "b": "ready"}
    flow.check()


def test_a_failing_commit_gives_every_caller_the_error_and_the_run_goes_on(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    runner, other = flow.runner(), flow.runner()
    runner.takes()
    waiting = other.waits()
    assert waiting.held
    request = runner.request(results=[runner.result("a")], slots=1)

    async def together() -> list[Any]:
        calls = [runner.exchange(request), stage.db.write(note("one")), stage.db.write(breaks_the_commit)]
        return await asyncio.gather(*calls, return_exceptions=True)

    assert [type(each) for each in stage.in_one_batch(together)] == [IntegrityError] * 3
    with pytest.raises(IntegrityError):
        waiting.answer()
    assert flow.statuses() == {"a": "pending", "b": "blocked"}
    assert events(stage) == []
    answer = runner.send(request)
    assert [each.name for each in answer.jobs] == ["b"]
    assert flow.status("a") == "completed"
    flow.check()


def test_a_lease_whose_end_was_not_committed_ends_in_a_later_batch(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    flow.runner().takes()

    async def fails_with_the_expiry() -> None:
        stage.clock.ahead_s += 61
        with pytest.raises(IntegrityError):
            await stage.db.write(breaks_the_commit)

    stage.in_one_batch(fails_with_the_expiry)
    assert flow.status("a") == "pending"
    stage.pass_time(2)
    assert (flow.status("a"), flow.attempt("a")) == ("ready", 2)


def test_a_full_disk_gives_the_error_and_the_run_goes_on_when_there_is_room(stage: Stage) -> None:
    flow = stage.flow(job("a"))

    def fills(batch: Batch) -> None:
        batch.run("INSERT INTO event (workflow_id, timestamp, data) VALUES (?, 0, zeroblob(50000000))", flow.id)

    pages = stage.write(lambda batch: batch.run("PRAGMA page_count").scalar_one())
    stage.write(lambda batch: batch.run(f"PRAGMA max_page_count = {pages + 20}").scalar_one())
    with pytest.raises(Exception, match="full"):
        stage.write(fills)
    stage.write(lambda batch: batch.run("PRAGMA max_page_count = 1000000000").scalar_one())
    runner = flow.runner()
    assert runner.runs_everything() == ["a"]
    assert events(stage) == []


def test_a_broken_listener_does_not_stop_the_writer(stage: Stage) -> None:
    def breaks() -> None:
        raise RuntimeError("a listener that is gone")

    stage.flow(job("a"))
    stage.db.writer.committed = breaks
    assert stage.write(note("one")) == "one"
    assert stage.write(note("two")) == "two"


def test_a_caller_whose_loop_is_gone_does_not_stop_the_writer(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    runner, gone = flow.runner(), flow.runner()
    runner.takes()

    async def calls_and_goes() -> None:
        task = asyncio.ensure_future(gone.exchange(gone.request(slots=1, wait_ms=10_000)))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(calls_and_goes())
    stage.settle()
    runner.ends("a")
    assert flow.status("a") == "completed"


def test_a_full_queue_refuses_more(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUEUE_LIMIT", 3)
    stage.flow(job("a"))
    outcome = stage.write_together(*(note(str(i)) for i in range(5)))
    assert outcome[:3] == ["0", "1", "2"]
    assert [type(each) for each in outcome[3:]] == [Busy, Busy]
    assert events(stage) == ["0", "1", "2"]
    assert stage.write(note("later")) == "later"


def test_a_call_after_the_end_is_refused(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.flow(job("a"))
        stage.db.writer.stop()
        with pytest.raises(Busy):
            stage.write(note("late"))


def test_what_is_queued_is_written_before_the_end(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.flow(job("a"))

        async def last() -> None:
            call = asyncio.ensure_future(stage.db.write(note("last")))
            await asyncio.sleep(0)
            stage.db.writer.stop()
            assert await call == "last"

        stage.run(last())
        assert events(stage) == ["last"]


def test_long_administrative_calls_do_not_keep_reports_waiting(stage: Stage) -> None:
    """The batch ends after its time; what is left comes in later ones, together with the reports of meanwhile."""
    flow = stage.flow(job("a"))
    runner = flow.runner()
    seen: list[int] = []

    def slow(batch: Batch) -> None:
        begun = time.monotonic()
        while time.monotonic() - begun < writer.BUDGET_S * 1.1:
            pass
        seen.append(batch.run("SELECT status FROM job WHERE id = ?", flow.ids["a"]).scalar_one())

    async def together() -> None:
        calls = [asyncio.ensure_future(stage.db.write(slow)) for _ in range(6)]
        await calls[0]
        await runner.exchange(runner.request(slots=1))
        await asyncio.gather(*calls)

    stage.in_one_batch(together)
    assert (seen[0], seen[-1]) == (JobStatus.READY, JobStatus.PENDING)


def test_a_long_read_keeps_nobody_waiting_for_the_log_to_be_truncated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.flow(job("a"))
    monkeypatch.setattr(writer, "TRUNCATE_BYTES", 0)
    monkeypatch.setattr(writer, "CHECKPOINT_EVERY", 1)
    other = sqlite3.connect(stage.db.path, isolation_level=None)
    try:
        stage.write(note("before"))
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM event").fetchone()
        begun = time.monotonic()
        for i in range(3):
            stage.write(note(str(i)))
        assert time.monotonic() - begun < writer.BUSY_MS / 2000
    finally:
        other.close()


def test_an_idle_writer_sleeps_until_something_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it has seen to the log it does not wake before a lease ends, and without runners not for an hour."""
    waits: queue.SimpleQueue[float] = queue.SimpleQueue()

    class Told(queue.Queue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            if block and threading.current_thread().name == "writer":
                waits.put(timeout or 0.0)
            return super().get(block, timeout)

    monkeypatch.setattr("torc_server.store.writer.queue.SimpleQueue", Told)
    monkeypatch.setattr(writer, "IDLE_S", 0.01)
    with Stage(tmp_path) as stage:
        assert waits.get(timeout=5) > 3_000
        flow = stage.flow(job("a"))
        flow.runner().takes()
        while not 55 < waits.get(timeout=5) <= 60:
            continue


def test_a_database_that_cannot_be_written_at_the_start_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torc_server.store.database.BUSY_MS", 10)
    database = Database(tmp_path / "torc.db")
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(TorcError, match="cannot write to the database: database is locked"):
            database.writer.start()
    finally:
        other.close()
        database.close()


def test_reads_see_one_moment_and_do_not_wait_for_the_writer(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    runner = flow.runner()
    runner.takes()

    async def read_during_a_write() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        status = "SELECT status FROM job"

        async def read() -> Any:
            return await stage.db.read(lambda conn: conn.exec_driver_sql(status).scalar_one())

        def work(batch: Batch) -> Any:
            start_job(batch, flow.ids["a"], 1, runner.node)
            return asyncio.run_coroutine_threadsafe(read(), loop).result(10)

        before = await stage.db.write(work)
        return before, await read()

    assert stage.run(read_during_a_write()) == (3, 4)


def test_a_reading_connection_cannot_write(stage: Stage) -> None:
    with pytest.raises(Exception, match="readonly"):
        stage.read(lambda conn: conn.exec_driver_sql("DELETE FROM job"))


def test_the_database_keeps_its_identity_and_refuses_what_it_cannot_use(tmp_path: Path) -> None:
    first = Database(tmp_path / "torc.db")
    first.close()
    second = Database(tmp_path / "torc.db")
    second.close()
    assert first.uuid == second.uuid
    (tmp_path / "text.db").write_text("not a database, but long enough to look at\n" * 40)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE t (x)")
    other.close()
    newer = sqlite3.connect(tmp_path / "torc.db")
    newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    newer.close()
    for name, why in (("text.db", "not a database"), ("other.db", "another program"), ("torc.db", "newer torc")):
        with pytest.raises(TorcError, match=why):
            Database(tmp_path / name)


@pytest.mark.parametrize(
    ("ids", "packed"),
    [([], []), ([3], [3]), ([2, 1], [1, 2]), ([5, 3, 4], [[3, 5]]), ([1, 2, 4, 5, 6, 9], [1, 2, [4, 6], 9])],
)
def test_runs_of_ids_are_packed(ids: list[int], packed: list[Any]) -> None:
    assert pack(ids) == packed


def test_a_repeated_release_and_a_cancel_in_one_batch_agree(stage: Stage) -> None:
    flow = stage.flow(job("a"), job("b", "a"))
    runner = flow.runner()
    runner.takes()
    request = runner.request(released=[Attempt(flow.ids["a"], 1)], held=[])

    async def together() -> None:
        from torc_server.engine.cancel import cancel_job

        await asyncio.gather(runner.exchange(request), stage.db.write(cancel_job, flow.ids["a"]))

    stage.in_one_batch(together)
    assert flow.statuses() == {"a": "canceled", "b": "canceled"}
    flow.check()


def test_the_log_stays_short_though_there_is_work_all_the_time(stage: Stage) -> None:
    flow = stage.flow(job("a"))
    log = Path(f"{stage.db.path}-wal")
    lengths: list[int] = []

    def writes_a_megabyte(batch: Batch) -> None:
        rows = [(flow.id, i, "x" * 10_000) for i in range(100)]
        batch.run_many("INSERT INTO event (workflow_id, timestamp, data) VALUES (?, ?, ?)", rows)
        lengths.append(log.stat().st_size)

    async def work() -> None:
        await asyncio.gather(*(stage.db.write(writes_a_megabyte) for _ in range(200)))

    stage.run(work())
    assert max(lengths) < 100 << 20  # of the 200 MB in all: a batch comes on top of what makes a checkpoint due
