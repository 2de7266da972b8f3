"""Whatever happens to server, runners, jobs, network and disks: the workflow ends, and nothing is lost or doubled."""

from __future__ import annotations

from tests.chaos.world import Round, World


def test_a_workflow_comes_to_its_end_whatever_happens(world: World, seed: int) -> None:
    Round(world, seed).play()
