"""A runner that runs nothing: it takes jobs over HTTP, makes their output files, and reports them as completed."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import httpx
import msgspec

from torc_core.models.exchange import (
    Assignment,
    Attempt,
    AttemptResult,
    ExchangeAnswer,
    ExchangeRequest,
    FreeResources,
    OutputStat,
    Started,
)


class FakeRunner:
    """Takes up to `slots` jobs at a time, whatever they need; their files are made in `folder`."""

    def __init__(self, url: str, workflow_id: int, slots: int, folder: Path) -> None:
        self._slots = slots
        self._folder = folder
        self._http = httpx.Client(base_url=url, timeout=60)
        node = {
            "workflow_id": workflow_id, "hostname": "bench", "pid": 1, "start_time": "2026-01-01T00:00:00Z",
            "num_cpus": slots, "memory_gb": slots, "num_gpus": 0, "num_nodes": 1, "compute_node_type": "local",
            "uuid": str(uuid.uuid4()),
        }  # fmt: skip
        number = self._http.post("/compute_nodes", json=node).raise_for_status().json()["id"]
        self._path = f"/workflows/{workflow_id}/compute_nodes/{number}/exchange"
        self._sequence = 0
        self._held: list[Assignment] = []

    def work(self) -> int:
        """Report what it has as completed and take what it gets instead; returns how many those are."""
        now = time.time_ns() // 1_000_000
        pairs = [Attempt(job.job_id, job.attempt_id) for job in self._held]
        ask = self._ask()
        ask.slots, ask.wait_ms, ask.held = self._slots, 5_000, pairs
        ask.started = [Started(pair.job_id, pair.attempt_id, now, 1) for pair in pairs]
        ask.results = [
            AttemptResult(job.job_id, job.run_id, job.attempt_id, "completed", 0, now, now, outputs=self._outputs(job))
            for job in self._held
        ]
        answer = self._exchange(ask)
        self._held = answer.jobs
        return len(self._held)

    def _outputs(self, job: Assignment) -> list[OutputStat]:
        """Write the job's files and say how they are."""
        found = []
        for file_id, name in job.output_files:
            path = self._folder / name
            path.write_text(job.name)
            stat = path.stat()
            found.append(OutputStat(file_id, stat.st_mtime, stat.st_size))
        return found

    def close(self) -> None:
        """Report the last ones and leave."""
        self.work()
        ask = self._ask()
        ask.leaving = True
        self._exchange(ask)
        self._http.close()

    def _ask(self) -> ExchangeRequest:
        """The next call, which says and asks nothing yet."""
        self._sequence += 1
        free = FreeResources(self._slots, self._slots << 30)
        return ExchangeRequest(self._sequence, free, ignore_resources=True)

    def _exchange(self, ask: ExchangeRequest) -> ExchangeAnswer:
        answer = self._http.post(self._path, content=msgspec.json.encode(ask)).raise_for_status()
        return msgspec.json.decode(answer.content, type=ExchangeAnswer)
