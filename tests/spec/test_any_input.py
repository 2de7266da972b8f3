"""Whatever stands in a file: an answer, never an exception, and the same from YAML as from JSON."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from torc_core.spec import Loaded, load_text
from torc_core.spec.build import FILE_KEYS, JOB_KEYS, MONITOR_KEYS, REQUIREMENTS_KEYS, USER_DATA_KEYS, WORKFLOW_KEYS

WORDS = st.sampled_from(["a", "b", "c", "1g", "PT1H", "echo ${files.input.a}", "${user_data.output.b}", "(", ".*", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
NAMES = st.lists(WORDS, max_size=3)


def _object(keys: Any, **likely: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.dictionaries(st.sampled_from([*keys, "other"]), VALUES, max_size=2)
    return st.builds(lambda base, more: {**base, **more}, st.fixed_dictionaries(likely), some)


JOBS = _object(
    JOB_KEYS, name=WORDS, command=WORDS, depends_on=NAMES, input_files=NAMES, output_files=NAMES, output_user_data=NAMES
)
WORKFLOWS = _object(
    WORKFLOW_KEYS,
    name=WORDS,
    jobs=st.lists(JOBS, max_size=4),
    files=st.lists(_object(FILE_KEYS, name=WORDS, path=WORDS), max_size=3),
    user_data=st.lists(_object(USER_DATA_KEYS, name=WORDS, data=VALUES), max_size=3),
    resource_requirements=st.lists(_object(REQUIREMENTS_KEYS, name=WORDS, memory=WORDS, num_cpus=VALUES), max_size=2),
    resource_monitor=_object(MONITOR_KEYS),
)


def _assert_answer(loaded: Loaded) -> None:
    assert (loaded.spec is None) == bool(loaded.errors)
    for problem in loaded.errors + loaded.warnings:
        assert len(str(problem).splitlines()) == 1


def _messages(loaded: Loaded) -> list[str]:
    """What is said, without the places, which the formats name differently."""
    return sorted({problem.message.partition("; first at ")[0] for problem in loaded.errors})


@given(WORKFLOWS | VALUES)
def test_any_data_gets_an_answer_that_yaml_and_json_share(data: Any) -> None:
    text = json.dumps(data)
    from_json = load_text(text, "json", "flow.json")
    from_yaml = load_text(text, "yaml", "flow.yaml")
    _assert_answer(from_json)
    _assert_answer(from_yaml)
    assert from_json.spec == from_yaml.spec
    assert _messages(from_json) == _messages(from_yaml)


@given(st.text() | st.text(alphabet="ab:-[]{}?*&!|>'\"%@`# \n\t,~<", max_size=30))
def test_any_text_gets_an_answer(text: str) -> None:
    for format in ("yaml", "json"):
        _assert_answer(load_text(text, format, "flow"))
