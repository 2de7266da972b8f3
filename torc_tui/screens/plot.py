"""Plots: what a job or all jobs of a runner use over time, and when which job ran where; live, with a cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from textual.widget import Widget

from torc_tui.actions import Place
from torc_tui.context import Thing
from torc_tui.graphs.graph import Canvas, Graph
from torc_tui.graphs.job import JobGraph
from torc_tui.graphs.node import NodeGraph
from torc_tui.graphs.timeline import TimelineGraph
from torc_tui.rendering.cells import Line
from torc_tui.screens.console_screen import ConsoleScreen, Kept
from torc_tui.screens.job import JobScreen
from torc_tui.store import Store, Watch
from torc_tui.widgets.lines_view import LinesView
from torc_tui.widgets.tab_bar import TabBar
from torc_tui.widgets.text_line import TextLine

SMALLEST = (20, 4)
"""Columns and lines below which nothing is drawn."""


class PlotScreen(ConsoleScreen):
    """See the module. The first of its graphs is what the screen is about; the others are beside it."""

    def __init__(self, graphs: Sequence[Graph], view: str) -> None:
        super().__init__()
        self._graphs = graphs
        self._views = [(graph, name) for graph in graphs for name in graph.views]
        names = [name for _, name in self._views]
        self._open = names.index(view)
        for graph in graphs:
            graph.screen = self
        self.graph.view = view
        self.tabs = TabBar(names)
        self.line = TextLine()
        self.view = LinesView(id="plot", focusable=True)
        self._can_draw = False
        """Whether the library that draws is there."""

    @property
    def graph(self) -> Graph:
        """What is drawn."""
        return self._views[self._open][0]

    @property
    def subject(self) -> Graph:
        """What the screen is about."""
        return self._graphs[0]

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.PLOT, Place.TIMELINE} if self.graph.has_rows else {Place.PLOT})

    @property
    def kept(self) -> list[Kept]:
        return [watch for graph in {self.subject, self.graph} for watch in graph.watches]

    @property
    def main(self) -> Widget:
        return self.view

    @property
    def address(self) -> str:
        own = self.subject.address()
        return own if self.subject.has_rows else f"{own} {self.graph.view}"

    def things(self, kind: str) -> list[Thing]:
        return self.graph.things(kind) or self.subject.things(kind)

    def body(self) -> Iterator[Widget]:
        yield self.tabs
        yield self.line
        yield self.view

    def on_mount(self) -> None:
        self.subject.ask()
        self.tabs.show(self._open)
        self.view.focus()
        self.run_worker(self._load())

    async def _load(self) -> None:
        """Import the library that draws, away from the keys; it is not needed before."""
        await asyncio.to_thread(__import__, "torc_tui.rendering.plot")
        self._can_draw = True
        self.draw()

    def show(self, graph: Graph, watch: Watch[Any]) -> None:
        """Something that a graph asked for is there."""
        if watch not in graph.watches:
            return
        if watch.error:
            self.app.say(str(watch.error), error=True)
        graph.arrived()
        self.draw()
        self.refresh_lines()

    def draw(self) -> None:
        """Draw what is known, as it is now."""
        width, height = self.view.size
        if not self._can_draw or width <= SMALLEST[0] or height <= SMALLEST[1]:
            return
        drawing = self.graph.draw(Canvas(width - 1, height, self.app.characters))
        if drawing is None:
            self.line.show([])
            self.view.show([])
        else:
            self.line.show([("  ", ""), *drawing.facts], [*drawing.reading, (" ", "")])
            self.view.show(drawing.lines)

    def on_lines_view_resized(self) -> None:
        self.draw()

    def title_lines(self) -> tuple[Line, Line]:
        return self.subject.place(self.app.characters), self.graph.which()

    def ticked(self) -> None:
        for graph in {self.subject, self.graph}:
            graph.ticked()

    @property
    def idle(self) -> bool:
        return super().idle and self._can_draw

    def leave_state(self) -> bool:
        left = self.graph.leave_state()
        self.draw()
        return left

    def step_view(self, by: int) -> None:
        """Draw the next one, or the one before."""
        self._show_view((self._open + by) % len(self._views))

    def on_tab_bar_chosen(self, message: TabBar.Chosen) -> None:
        self._show_view(message.index)

    def _show_view(self, index: int) -> None:
        if self.graph is not self._views[index][0] and self.graph is not self.subject:
            self.graph.close()
        self._open = index
        self.graph.view = self._views[index][1]
        self.tabs.show(index)
        self.draw()
        self.refresh_lines()

    def open_job(self, job_id: int, name: str) -> None:
        """Open a job that is drawn."""
        self.app.open(JobScreen(self.app.store, job_id, name))


def plot_of_job(store: Store, job_id: int, name: str = "", view: str = "memory") -> PlotScreen:
    """A job, the runner that has or had it, and the timeline of its workflow."""
    job = JobGraph(store, job_id, name)
    node = NodeGraph(store, lambda: job.node_id, ["It is on no runner yet.", "What all of its jobs use appears here."])
    return PlotScreen([job, node, TimelineGraph(store, lambda: job.workflow_id, job=job_id)], view)


def plot_of_node(store: Store, node_id: int, view: str = "node memory") -> PlotScreen:
    """A runner, and when its jobs ran."""
    node = NodeGraph(store, lambda: node_id)
    return PlotScreen([node, TimelineGraph(store, lambda: node.workflow_id, node=node_id)], view)


def plot_of_workflow(store: Store, workflow_id: int, view: str = "timeline") -> PlotScreen:
    """When the jobs of a workflow ran, and what those of the runner that is looked at used."""
    timeline = TimelineGraph(store, lambda: workflow_id)
    return PlotScreen([timeline, NodeGraph(store, lambda: timeline.node_id, ["No runner has run a job yet."])], view)


NODE_VIEWS = (*NodeGraph.views, *TimelineGraph.views)
"""The names of the tabs of the plots of a runner."""

VIEWS = (*JobGraph.views, *NODE_VIEWS)
"""Those of the plots of a job, which are all."""
