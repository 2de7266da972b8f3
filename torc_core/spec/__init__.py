"""The workflow language: file -> specification -> plan.

`load_workflow` reads and checks a file and never raises for what a user wrote; `build_plan` makes of its `spec` what
the client sends to the server.
"""

from torc_core.spec.document import Problem
from torc_core.spec.load import Loaded, load_text, load_workflow, require_workflow
from torc_core.spec.model import WorkflowSpec
from torc_core.spec.plan import Plan, Totals, build_plan
from torc_core.spec.reading import FORMATS, STANDARD_INPUT

__all__ = [
    "FORMATS",
    "STANDARD_INPUT",
    "Loaded",
    "Plan",
    "Problem",
    "Totals",
    "WorkflowSpec",
    "build_plan",
    "load_text",
    "load_workflow",
    "require_workflow",
]
