"""Jobs that were handed out and wait here for a free slot: how many to ask for, and when to give them back."""

from __future__ import annotations

from torc_core.models.exchange import Assignment, Attempt, Prefetch

AHEAD_S = 0.1
"""So much work, as measured, waits here while shorter jobs run (design: section 4)."""

LONG_S = 1.0
"""Nothing is asked for ahead while jobs take longer than this, and what has waited so long is given back."""

MOST = 500


class Waiting:
    """Assignments in the order they came, and the durations that say how many more are wanted."""

    def __init__(self) -> None:
        self.jobs: dict[Attempt, Assignment] = {}
        self._since: dict[Attempt, float] = {}
        self._mean_s: dict[int, float] = {}
        self._last: Assignment | None = None

    def add(self, attempt: Attempt, job: Assignment, now: float) -> None:
        """A job was handed out."""
        self.jobs[attempt] = job
        self._since[attempt] = now

    def take(self, attempt: Attempt) -> Assignment | None:
        """Remove a job: it starts, or must not."""
        self._since.pop(attempt, None)
        return self.jobs.pop(attempt, None)

    def ended(self, job: Assignment, seconds: float) -> None:
        """A job took so long; later ones count more."""
        key = job.resource_requirements_id
        mean = self._mean_s.get(key, seconds)
        self._mean_s[key] = mean + 0.2 * (seconds - mean)
        self._last = job

    def wanted(self, capacity: int) -> Prefetch | None:
        """How many jobs to ask for ahead when `capacity` jobs like the last one run at once."""
        if self._last is None:
            return None
        mean = max(self._mean_s[self._last.resource_requirements_id], 1e-3)
        if mean > LONG_S:
            return None
        target = min(int(capacity * AHEAD_S / mean), MOST)
        missing = target - len(self.jobs)
        return Prefetch(self._last.resource_requirements_id, missing) if missing > target // 4 else None

    def due(self) -> float:
        """Monotonic time at which the oldest has waited too long."""
        return next(iter(self._since.values()), float("inf")) + LONG_S

    def overdue(self, now: float) -> list[Attempt]:
        """Remove and return those that have waited too long."""
        late = [attempt for attempt, since in self._since.items() if since + LONG_S <= now]
        for attempt in late:
            self.take(attempt)
        return late

    def clear(self) -> list[Attempt]:
        """Remove and return all."""
        attempts = list(self.jobs)
        self.jobs.clear()
        self._since.clear()
        return attempts

    @property
    def last(self) -> Assignment | None:
        """The job that ended last."""
        return self._last
