"""The rules of the state machine once more, in plain Python and as simple as they can be said.

It is told what happened (who was handed what, who reported what) and says what every job's status must be. Where the
engine keeps counters and works set-wise, this looks at all parents of all jobs, again and again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torc_server.engine.leases import LOST_LIMIT

ENDED = {"completed", "failed", "canceled", "terminated", "disabled"}
WAITING = {"blocked", "ready"}
ACTIVE = {"pending", "running"}
RETRIABLE = {"running", "failed", "terminated", "pending_failed"}
FAILED = {"failed", "canceled", "terminated", "pending_failed"}


@dataclass
class Job:
    """What the oracle knows of a job."""

    parents: list[str]
    cancel: bool
    status: str = "blocked"
    attempt: int = 1
    holder: int | None = None
    """The node that has it, or still holds what is left of it."""
    has_result: bool = False
    """Of its present attempt or, as long as it was not retried, its last."""
    was_retried: bool = False
    lost: int = 0
    by_user: bool = False
    """Canceled by request: nothing but a reset brings it back."""
    ahead: bool = False
    """Handed out beyond the room that its runner had, and not known to have started."""


@dataclass
class Oracle:
    """A workflow that has been initialised."""

    jobs: dict[str, Job]
    run: int
    """Zero as long as nobody has begun one."""
    is_canceled: bool = False
    """As a whole: nothing is handed out."""
    results: set[tuple[str, int, int]] = field(default_factory=set)
    """(job, run, attempt) of everything that was accepted."""

    def __post_init__(self) -> None:
        self.settle()

    def children(self, name: str) -> list[str]:
        return [child for child, job in self.jobs.items() if name in job.parents]

    def below(self, names: set[str]) -> set[str]:
        """Everything at any depth below these."""
        found: set[str] = set()
        for name, job in self.jobs.items():  # parents come before their children
            if (names | found).intersection(job.parents):
                found.add(name)
        return found

    def waits(self, name: str) -> bool:
        """Some parent has not ended."""
        return any(self.jobs[parent].status not in ENDED for parent in self.jobs[name].parents)

    def settle(self) -> None:
        """Decide every blocked job whose parents have all ended, until nothing changes."""
        undecided = True
        while undecided:
            undecided = False
            for name, job in self.jobs.items():
                if job.status == "blocked" and not self.waits(name):
                    bad = any(self.jobs[parent].status != "completed" for parent in job.parents)
                    job.status = "canceled" if bad and job.cancel else "ready"
                    undecided = True

    def ready(self) -> list[str]:
        """Names of the jobs that can be handed out, oldest first."""
        return [name for name, job in self.jobs.items() if job.status == "ready" and not self.is_canceled]

    @property
    def over(self) -> bool:
        return all(job.status in ENDED for job in self.jobs.values())

    def handed(self, name: str, attempt: int, node: int | None, *, ahead: bool = False) -> None:
        """A job was handed out; AssertionError when it should not have been."""
        job = self.jobs[name]
        assert job.status == "ready", f"{name} was handed out, it is {job.status}"
        assert not self.waits(name), f"{name} was handed out before its parents ended"
        assert job.attempt == attempt, f"{name} was handed out as attempt {attempt}, it is at {job.attempt}"
        job.status, job.holder, job.ahead = "pending", node, ahead

    def started(self, name: str, attempt: int, node: int | None) -> None:
        job = self.jobs[name]
        if (job.status, job.attempt, job.holder) == ("pending", attempt, node):
            job.status = "running"

    def reported(self, name: str, attempt: int, run: int, node: int, status: str) -> bool:
        """A runner reports an end; False when it must be refused. What has been reported already is not."""
        job = self.jobs[name]
        if (job.holder, job.attempt, self.run) != (node, attempt, run):
            return (job.has_result or job.was_retried) and (name, run, attempt) in self.results
        if job.status != "canceled":
            job.status = status
        self.accepted(name)
        return True

    def accepted(self, name: str) -> None:
        """A result was taken; AssertionError when this attempt had one already."""
        job = self.jobs[name]
        key = (name, self.run, job.attempt)
        assert key not in self.results, f"two results for {key}"
        self.results.add(key)
        job.has_result, job.holder = True, None
        self.settle()

    def completed(self, name: str, status: str) -> bool:
        """torc's complete_job; False when it must be refused."""
        job = self.jobs[name]
        if job.status in ENDED - {"disabled"}:
            return False
        if job.status == "pending_failed":  # the verdict replaces the result
            self.results.discard((name, self.run, job.attempt))
        job.status = status
        self.accepted(name)
        return True

    def canceled(self, name: str) -> bool:
        """A job is canceled by request; False when it must be refused."""
        job = self.jobs[name]
        if job.status in ENDED - {"canceled"}:
            return False
        job.status, job.by_user = "canceled", True
        self.settle()
        return True

    def canceled_whole(self) -> None:
        """The workflow is canceled; failures that wait for a verdict go on waiting."""
        self.is_canceled = True
        for job in self.jobs.values():
            if job.status in WAITING | ACTIVE:
                job.status, job.by_user = "canceled", True

    def reopened(self, *, force: bool) -> bool:
        """The workflow is no longer canceled, its jobs are as they were; False when it must be refused."""
        if not force and any(job.status in ACTIVE for job in self.jobs.values()):
            return False
        self.is_canceled = False
        return True

    def disabled(self, names: list[str]) -> None:
        """Those of these jobs that wait are skipped, which is no success."""
        for name in names:
            if self.jobs[name].status in WAITING:
                self.jobs[name].status = "disabled"
        self.settle()

    def enabled(self, names: list[str]) -> bool:
        """Those of these jobs that are disabled wait, and what that had decided too; False when it must be refused."""
        if self.is_canceled:
            return False
        again = [name for name in names if self.jobs[name].status == "disabled"]
        for name in again:
            self.jobs[name].status = "blocked"
        for name in again:
            self._wait_again(name)
        self.settle()
        return True

    def retried(self, name: str) -> bool:
        """A job runs once more; False when it must be refused."""
        job = self.jobs[name]
        if job.status not in RETRIABLE:
            return False
        had_ended = job.status in ENDED
        job.attempt += 1
        job.status, job.holder, job.has_result, job.was_retried, job.lost = "ready", None, False, True, 0
        if had_ended:
            self._wait_again(name)
        if self.waits(name):
            job.status = "blocked"
        return True

    def _wait_again(self, name: str) -> None:
        for child in self.children(name):
            job = self.jobs[child]
            if job.status == "ready":
                job.status = "blocked"
            elif job.status == "canceled" and not job.has_result and not job.by_user:
                job.status = "blocked"
                self._wait_again(child)

    def given_back(self, name: str) -> None:
        """What was handed out goes back."""
        job = self.jobs[name]
        job.holder = None
        job.status = "blocked" if self.waits(name) else "ready"

    def lost(self, node: int) -> None:
        """A runner died with all it had."""
        for name, job in self.jobs.items():
            if job.holder != node:
                continue
            if job.status not in ACTIVE:
                job.holder = None
            elif job.status == "pending" and job.ahead:
                job.attempt += 1
                self.given_back(name)
            elif job.lost >= LOST_LIMIT:
                job.status, job.holder = "failed", None
                self.results.add((name, self.run, job.attempt))
                job.has_result = True
            else:
                job.attempt += 1
                job.lost += 1
                self.given_back(name)
        self.settle()

    def left(self, node: int) -> None:
        """A runner said goodbye."""
        for name, job in self.jobs.items():
            if job.holder == node and job.status in ACTIVE:
                job.attempt += job.status == "running"
                self.given_back(name)
            elif job.holder == node:
                job.holder = None

    def reset(self, *, failed_only: bool, force: bool) -> bool:
        """Jobs begin anew in the same run: all, or those that failed and what is below them and with nobody; False
        when it must be refused."""
        if not force and any(job.status in ACTIVE for job in self.jobs.values()):
            return False
        failed = {name for name, job in self.jobs.items() if job.status in FAILED}
        below = {name for name in self.below(failed) if self.jobs[name].status not in {*ACTIVE, "disabled"}}
        for name, job in self.jobs.items():
            if not failed_only or name in failed | below:
                has_run = job.status == "running" or (name, self.run, job.attempt) in self.results
                job.attempt += has_run or job.holder is not None
                self._begin_anew(job)
        self.settle()
        return True

    def _begin_anew(self, job: Job) -> None:
        job.status, job.holder, job.has_result, job.was_retried = "blocked", None, False, False
        job.lost, job.by_user = 0, False

    def restarted(self) -> bool:
        """A run of what is neither completed nor disabled and all below; False when it must be refused."""
        if any(job.status in ACTIVE for job in self.jobs.values()):
            return False
        again = {name for name, job in self.jobs.items() if job.status not in ("completed", "disabled")}
        if not again:
            return True
        waiting = all(self.jobs[name].status in WAITING and not self.jobs[name].lost for name in again)
        if not self.run or self.is_canceled or not waiting or any(run == self.run for _, run, _ in self.results):
            self.run += 1  # otherwise nobody has come for the present run: it is this one
        self.is_canceled = False
        for name in again | self.below(again):
            job = self.jobs[name]
            if job.status != "disabled":
                job.attempt += job.holder is not None
                self._begin_anew(job)
        self.settle()
        return True
