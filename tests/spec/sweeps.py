"""What workflow files with parameters make, without mistakes in them."""

from __future__ import annotations

import json
from typing import Any

from torc_core.spec import WorkflowSpec, load_text
from torc_core.spec.model import JobSpec


def load(text: str, **options: Any) -> WorkflowSpec:
    """The workflow of a text in YAML."""
    loaded = load_text(text, "yaml", "flow.yaml", **options)
    assert loaded.errors == []
    assert loaded.spec is not None
    return loaded.spec


def job(**keys: Any) -> list[JobSpec]:
    """The copies of one job."""
    return load(json.dumps({"name": "x", "jobs": [{"name": "j", "command": "c"} | keys]})).jobs
