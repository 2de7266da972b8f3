"""The order of jobs: explicit dependencies and those that files and user data imply (spec.md 7, 8).

Files, user data and barriers are nodes of their own between the jobs that come before and those that come after, so a
file with many writers and many readers costs their sum, not their product.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from torc_core.spec.model import Barrier, WorkflowSpec

_SHOWN_IN_CYCLE = 12


class Graph:
    """Which job waits for which. Jobs are numbered as in the specification."""

    def __init__(self, spec: WorkflowSpec) -> None:
        self._jobs = spec.jobs
        count = len(spec.jobs)
        self._children: list[list[int] | None] = [None] * count
        self._unmet = [0] * count
        self._labels: list[str] = []
        """What stands between jobs, by node number minus the number of jobs."""
        self._connect(spec)
        self.level = [0] * len(self._children)
        """How many jobs must end, one after the other, before a job can start; a file counts like its readers."""
        self._longest_parent: list[int | None] = [None] * len(self._children)
        self.order: list[int] = []
        """Jobs, parents first, otherwise in the order of the file; jobs of cycles are missing."""
        self._sort()

    def _connect(self, spec: WorkflowSpec) -> None:
        number: dict[str, int] = {}
        for index, job in enumerate(self._jobs):
            number.setdefault(job.name, index)
        barriers = [self._add_barrier(barrier, number) for barrier in spec.barriers]
        for index, job in enumerate(self._jobs):
            for name in job.depends_on:
                parent = number.get(name)
                if parent is not None:
                    self._edge(parent, index)
            if job.barrier is not None:
                self._edge(barriers[job.barrier], index)
        self._connect_through("file", "output_files", "input_files")
        self._connect_through("user_data", "output_user_data", "input_user_data")

    def _connect_through(self, kind: str, written: str, read: str) -> None:
        """Put a node between the writers and the readers of each thing that has both."""
        wanted = {name for job in self._jobs for name in getattr(job, read)}
        between: dict[str, int] = {}
        for index, job in enumerate(self._jobs):
            for name in getattr(job, written):
                if name in wanted:
                    if name not in between:
                        between[name] = self._add_node(kind, name)
                    self._edge(index, between[name])
        for index, job in enumerate(self._jobs):
            for name in getattr(job, read):
                if name in between:
                    self._edge(between[name], index)

    def _add_barrier(self, barrier: Barrier, number: dict[str, int]) -> int:
        node = self._add_node("regex", barrier.label)
        for name in barrier.members:
            self._edge(number[name], node)
        return node

    def _add_node(self, kind: str, name: str) -> int:
        self._children.append(None)
        self._unmet.append(0)
        self._labels.append(f'{kind} "{name}"')
        return len(self._children) - 1

    def _edge(self, parent: int, child: int) -> None:
        children = self._children[parent]
        if children is None:
            self._children[parent] = [child]
        else:
            children.append(child)
        self._unmet[child] += 1

    def _sort(self) -> None:
        jobs = len(self._jobs)
        ready = [node for node in range(jobs) if not self._unmet[node]]
        heapify(ready)
        while ready:
            job = heappop(ready)
            self.order.append(job)
            for child in self._children[job] or ():
                if self._meet(child, job, self.level[job] + 1) and child < jobs:
                    heappush(ready, child)
                elif child >= jobs and not self._unmet[child]:
                    for reader in self._children[child] or ():
                        if self._meet(reader, child, self.level[child]):
                            heappush(ready, reader)

    def _meet(self, child: int, parent: int, level: int) -> bool:
        """One parent of `child` is placed; whether it was the last."""
        self._unmet[child] -= 1
        if level > self.level[child]:
            self.level[child] = level
            self._longest_parent[child] = parent
        return not self._unmet[child]

    def parents(self) -> list[frozenset[int]]:
        """The jobs that each job waits for, whether directly or through something between; equal sets are shared."""
        jobs = len(self._jobs)
        before: list[list[int]] = [[] for _ in self._children]
        for parent, children in enumerate(self._children):
            for child in children or ():
                before[child].append(parent)
        between = {node: frozenset(before[node]) for node in range(jobs, len(before))}
        found: dict[tuple[int, ...], frozenset[int]] = {}
        for nodes in map(tuple, before[:jobs]):
            if nodes not in found:
                direct = frozenset(node for node in nodes if node < jobs)
                sets = [between[node] for node in nodes if node >= jobs]
                found[nodes] = sets[0] if len(sets) == 1 and not direct else direct.union(*sets)
        return [found[tuple(nodes)] for nodes in before[:jobs]]

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
            for child in self._children[node] or ():
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
