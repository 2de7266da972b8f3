"""`torc-runner`: runs jobs of one workflow here. The guard is forked before anything heavy is loaded."""

from __future__ import annotations

import sys

from torc_core.runner.guard import guarded


def main() -> None:
    """Run the command line and exit: 0 all done, 1 some jobs not completed, 2 wrong use, 3 stuck, 130 interrupted."""
    sys.exit(guarded(_run))


def _run(guard_pipe: int | None) -> int:
    from torc_core.runner.command import run

    return run(sys.argv[1:], guard_pipe)


if __name__ == "__main__":
    main()
