"""Measurements against peers: `python -m tests.bench`. Ratios within one run, never asserted by timed tests."""
