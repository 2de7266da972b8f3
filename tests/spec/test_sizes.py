"""Many files for many jobs: what would make very many relations is refused, with the way out."""

import pytest

from torc_core.spec import load_text
from torc_core.spec.sizes import MOST

PRODUCT = """
name: product
jobs:
  - {{name: "a_{{i}}", command: c, output_files: ["f_{{i}}"], parameters: {{i: "1:{n}"}}}}
  - {{name: "b_{{i}}", command: c, {read}, parameters: {{i: "1:{n}"}}}}
files: [{{name: "f_{{i}}", path: "f_{{i}}", parameters: {{i: "1:{n}"}}}}, {{name: other, path: other}}]
"""


@pytest.mark.parametrize("read", ['input_file_regexes: ["^f_"]', 'input_file_regexes: ["^f_"], input_files: [other]'])
def test_ten_thousand_files_for_ten_thousand_jobs_are_refused(read: str) -> None:
    loaded = load_text(PRODUCT.format(n=10_000, read=read), "yaml", "flow.yaml")
    (error,) = loaded.errors
    assert str(error).startswith("flow.yaml:5:")
    assert error.message == (
        'input_file_regexes "^f_" finds 10,000 for each of 10,000 jobs, that makes 100,000,000; a workflow may have'
        " 2,000,000: have one job gather them into one file, or wait with depends_on_regexes for the jobs that make"
        " them, which may be any number"
    )


def test_depends_on_regexes_may_find_any_number() -> None:
    loaded = load_text(PRODUCT.format(n=10_000, read='depends_on_regexes: ["^a_"]'), "yaml", "flow.yaml")
    assert loaded.errors == []


def test_one_file_of_many_writers_and_readers_is_refused_too() -> None:
    text = PRODUCT.replace('["f_{{i}}"]', "[other]").format(n=2_000, read="input_files: [other]")
    (error,) = load_text(text, "yaml", "flow.yaml").errors
    assert error.message == (
        'file "other" is written by 2,000 and read by 2,000 jobs: that and others like it make 4,000,000 dependencies;'
        " a workflow may have 2,000,000 of these: put one job between, which waits for the writers with"
        " depends_on_regexes"
    )


def test_a_thousand_by_a_thousand_is_accepted() -> None:
    assert MOST > 1_000 * 1_000
    loaded = load_text(PRODUCT.format(n=1_000, read='input_file_regexes: ["^f_"]'), "yaml", "flow.yaml")
    assert loaded.errors == []
