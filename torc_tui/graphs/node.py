"""What the jobs of a runner use together over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torc_core.client import console
from torc_core.client.stream import Change
from torc_core.models.console import NodeSamples
from torc_tui.context import Thing
from torc_tui.graphs.graph import Canvas, Drawing, Finder, said
from torc_tui.graphs.used import MEMORY, UsedGraph
from torc_tui.rendering.cells import Line
from torc_tui.rendering.glyphs import Characters
from torc_tui.store import Store, Watch


class NodeGraph(UsedGraph):
    """See the module."""

    views = ("node memory", "node cpu")
    limit_word = "it has"

    def __init__(self, store: Store, find: Finder, nowhere: Sequence[str] = ()) -> None:
        """`nowhere`: what is said while `find` gives no runner."""
        super().__init__(store)
        self._find = find
        self._nowhere = nowhere
        self._asked: int | None = None
        self._told: NodeSamples | None = None

    @property
    def workflow_id(self) -> int | None:
        """For which workflow it works."""
        return self._told.workflow_id if self._told else None

    @property
    def used(self) -> NodeSamples | None:
        return self._told

    @property
    def limit(self) -> float | None:
        told = self._told
        return None if told is None else float(told.total_memory_bytes if self.quantity is MEMORY else told.cpus * 100)

    @property
    def has_ended(self) -> bool:
        return self._told is not None and not self._told.is_active

    @property
    def is_live(self) -> bool:
        return self._told is not None and self._told.is_active

    def ask(self) -> None:
        node_id = self._find()
        if node_id != self._asked:
            self.close()
            self._asked, self._told, self.cursor = node_id, None, None
        if node_id and not self.watches:
            self.watches = [Watch(self.store, console.node_samples(node_id), self._concerns, self.told)]

    def _concerns(self, change: Change) -> bool:
        return change.event == "node" and change.data.get("id") in (self._asked, None)

    def told(self, watch: Watch[Any]) -> None:
        self._told = watch.value or self._told
        super().told(watch)

    def draw(self, canvas: Canvas) -> Drawing | None:
        drawing = super().draw(canvas)
        if drawing is None and not self._asked and self._nowhere:
            return said(self._nowhere, canvas)
        if drawing and self._told:
            drawing = drawing._replace(facts=[(f"{self._told.host}   ", "strong"), *drawing.facts])
        return drawing

    def things(self, kind: str) -> list[Thing]:
        told = self._told
        return [Thing("workflow", told.workflow_id, told.workflow_name)] if kind == "workflow" and told else []

    def place(self, characters: Characters) -> Line:
        told = self._told
        if told is None:
            return [(f"runner {self._find() or ''}", "strong")]
        return [
            (f"{told.workflow_name} › ", "dim"),
            (told.host, "strong"),
            (f" ({told.node_id}) › plot  ", "dim"),
            *characters.runner(active=told.is_active),
        ]

    def which(self) -> Line:
        told = self._told
        return [(f"runner {told.node_id} on {told.host}", "dim")] if told else []

    def address(self) -> str:
        return f"plot node {self._find() or ''}".rstrip()

    def why_nothing(self) -> list[str]:
        if self.has_ended:
            return [
                "No curve is known of this runner.",
                "The server keeps it while a runner works and for some time after; jobs below a second have none.",
            ]
        return [
            "No measurement yet: jobs are measured from their first second on, shorter ones not at all.",
            "It appears here by itself.",
        ]
