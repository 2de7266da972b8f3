"""Measurements against peers: `python -m tests.bench`. Ratios within one run, never asserted by timed tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # as pytest has it: what is shared with the tests is found there
