"""The order of jobs: explicit dependencies and those that files and user data imply (spec.md 7, 8).

Files and user data are nodes of their own between the jobs that write and the jobs that read, so a file with many
writers and many readers costs their sum, not their product.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from torc_core.spec.model import JobSpec, WorkflowSpec

_SHOWN_IN_CYCLE = 12


class Graph:
    """Which job waits for which. Jobs are numbered as in the specification."""

    def __init__(self, spec: WorkflowSpec) -> None:
        self._jobs = spec.jobs
        count = len(spec.jobs)
        self._children: list[list[int]] = [[] for _ in range(count)]
        self._unmet = [0] * count
        self._labels: list[str] = []
        """What stands between jobs, by node number minus the number of jobs."""
        self._connect()
        self.level = [0] * len(self._children)
        """How many jobs must end, one after the other, before a job can start; a file counts like its readers."""
        self._longest_parent: list[int | None] = [None] * len(self._children)
        self.order: list[int] = []
        """Jobs, parents first, otherwise in the order of the file; jobs of cycles are missing."""
        self._sort()

    def _connect(self) -> None:
        number: dict[str, int] = {}
        for index, job in enumerate(self._jobs):
            number.setdefault(job.name, index)
        between: dict[tuple[str, str], int] = {}
        for index, job in enumerate(self._jobs):
            for name in job.depends_on:
                parent = number.get(name)
                if parent is not None:
                    self._edge(parent, index)
            for key in _written(job):
                if key not in between:
                    between[key] = self._add_node(key)
                self._edge(index, between[key])
        for index, job in enumerate(self._jobs):
            for key in _read(job):
                if key in between:
                    self._edge(between[key], index)

    def _add_node(self, key: tuple[str, str]) -> int:
        self._children.append([])
        self._unmet.append(0)
        self._labels.append(f'{key[0]} "{key[1]}"')
        return len(self._children) - 1

    def _edge(self, parent: int, child: int) -> None:
        self._children[parent].append(child)
        self._unmet[child] += 1

    def _sort(self) -> None:
        jobs = len(self._jobs)
        ready = [node for node in range(jobs) if not self._unmet[node]]
        heapify(ready)
        while ready:
            job = heappop(ready)
            self.order.append(job)
            for child in self._children[job]:
                if self._meet(child, job, self.level[job] + 1) and child < jobs:
                    heappush(ready, child)
                elif child >= jobs and not self._unmet[child]:
                    for reader in self._children[child]:
                        if self._meet(reader, child, self.level[child]):
                            heappush(ready, reader)

    def _meet(self, child: int, parent: int, level: int) -> bool:
        """One parent of `child` is placed; whether it was the last."""
        self._unmet[child] -= 1
        if level > self.level[child]:
            self.level[child] = level
            self._longest_parent[child] = parent
        return not self._unmet[child]

    def stages(self) -> list[list[int]]:
        """Jobs by level: those of one stage may run at the same time once the stage before has ended."""
        stages: list[list[int]] = []
        for job in sorted(self.order):
            while len(stages) <= self.level[job]:
                stages.append([])
            stages[self.level[job]].append(job)
        return stages

    def longest_path(self) -> list[int]:
        """The longest chain of jobs that must run one after the other."""
        if not self.order:
            return []
        node: int | None = max(sorted(self.order), key=lambda job: self.level[job])
        path = []
        while node is not None:
            if node < len(self._jobs):
                path.append(node)
            node = self._longest_parent[node]
        return path[::-1]

    def cycles(self) -> list[tuple[int, str]]:
        """A cycle for each group of jobs that wait for each other: its first job and its text.

        The text reads `a -> b (through file "x") -> a`: a must end before b, b before a.
        """
        left = [node for node, unmet in enumerate(self._unmet) if unmet]
        parent: dict[int, int] = {}
        for node in left:
            for child in self._children[node]:
                parent.setdefault(child, node)
        found = []
        walk_of: dict[int, int] = {}
        for start in left:
            path = []
            node = start
            while node not in walk_of:
                walk_of[node] = start
                path.append(node)
                node = parent[node]
            if walk_of[node] == start:
                found.append(self._cycle_text(path[path.index(node) :][::-1]))
        return found

    def _cycle_text(self, nodes: list[int]) -> tuple[int, str]:
        jobs = len(self._jobs)
        first = nodes.index(min(nodes))
        steps = []
        through = ""
        for node in [*nodes[first:], *nodes[:first], nodes[first]]:
            if node < jobs:
                steps.append(self._jobs[node].name + through)
                through = ""
            else:
                through = f" (through {self._labels[node - jobs]})"
        if len(steps) > _SHOWN_IN_CYCLE:
            hidden = len(steps) - _SHOWN_IN_CYCLE
            steps[_SHOWN_IN_CYCLE - 2 : -2] = [f"... {hidden:,} more ..."]
        return nodes[first], " -> ".join(steps)


def _written(job: JobSpec) -> list[tuple[str, str]]:
    return [("file", name) for name in job.output_files] + [("user_data", name) for name in job.output_user_data]


def _read(job: JobSpec) -> list[tuple[str, str]]:
    return [("file", name) for name in job.input_files] + [("user_data", name) for name in job.input_user_data]
