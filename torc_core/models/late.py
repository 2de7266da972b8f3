"""Results of a runner that is dead, delivered for it by another process that found them in its journal.

`POST /workflows/{workflow}/compute_nodes/{node}/late_results`, LateResults answered by LateAnswer; the node is the dead
runner's. Repeating it is safe.
"""

from __future__ import annotations

from msgspec import Struct, field

from torc_core.models.exchange import Attempt, AttemptResult


class LateResults(Struct):
    """What a journal holds; `uuid` is that of the runner's registration, which only its journal and the server know."""

    uuid: str
    results: list[AttemptResult]


class LateAnswer(Struct):
    """Results that were not taken, because their attempt is no longer current."""

    refused: list[Attempt] = field(default_factory=list)
