"""`torc-runner` as the console starts it: its exit code is kept for whoever looks when the console is long gone.

`python -m torc_tui.kept_runner FILE …`: what follows FILE is the runner's command line; FILE gets the exit code.
"""

from __future__ import annotations

import os
import sys
import time

from torc_core.runner.guard import guarded


def main() -> None:
    """Run the runner to its end and keep what became of it."""
    file = sys.argv.pop(1)
    code = guarded(_run)
    with open(f"{file}.new", "w") as kept:
        kept.write(f'{{"code": {code}, "ended": {int(time.time() * 1000)}}}\n')
    os.replace(f"{file}.new", file)
    sys.exit(code)


def _run(guard_pipe: int | None) -> int:
    from torc_core.runner.command import run

    return run(sys.argv[1:], guard_pipe)


if __name__ == "__main__":
    main()
