"""What the rules of a failure handler may be, for the API and for plans."""

from __future__ import annotations

import msgspec

from torc_core.models.resources import FailureRule
from torc_server.errors import Invalid


def check_rules(rules: str) -> None:
    """Invalid unless the text is a list of rules."""
    try:
        msgspec.json.decode(rules, type=list[FailureRule])
    except (ValueError, msgspec.DecodeError) as error:
        raise Invalid(f"rules must be the JSON text of a list of rules: {error}", field="rules") from None
