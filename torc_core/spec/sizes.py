"""How many relations a workflow may have: jobs with files and user data, and the dependencies that these imply.

Regexes of `depends_on_regexes` cost the sum of the jobs on both sides, whatever they find (barriers). Files and user
data cost a row for each job that reads or writes each of them, and a dependency for each pair of a writer and a reader.
"""

from __future__ import annotations

from collections import Counter

from torc_core.spec.document import Source
from torc_core.spec.model import WorkflowSpec
from torc_core.spec.values import quoted

MOST = 2_000_000
"""Of each of the two."""

_KINDS = (("file", "output_files", "input_files"), ("user_data record", "output_user_data", "input_user_data"))


def check_sizes(spec: WorkflowSpec, source: Source) -> None:
    """Note where the writers and readers of files and user data imply too many dependencies."""
    for kind, written, read in _KINDS:
        writers = Counter(name for job in spec.jobs for name in getattr(job, written))
        readers = Counter(name for job in spec.jobs for name in getattr(job, read) if name in writers)
        implied = sum(writers[name] * count for name, count in readers.items())
        if implied <= MOST:
            continue
        name = max(readers, key=lambda each: writers[each] * readers[each])
        place = next(job.place for job in spec.jobs if name in getattr(job, read))
        message = (
            f"{kind} {quoted(name)} is written by {writers[name]:,} and read by {readers[name]:,} jobs: that and others"
            f" like it make {implied:,} dependencies; a workflow may have {MOST:,} of these: put one job between, which"
            " waits for the writers with depends_on_regexes"
        )
        source.error((*place, read), message)
