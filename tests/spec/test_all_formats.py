"""The same mistakes in four formats: the message, the way out, and the place where it is written."""

import copy
import json
import random
import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.spec.good_workflow import ALL, GOOD, written
from torc_core.cli.main import main
from torc_core.spec import build_plan, load_text


class Mistake(msgspec.Struct):
    """A line of one_mistake.jsonl: the good workflow with one thing changed, and what is said of it."""

    at: list[str | int]
    value: Any = msgspec.UNSET
    """Unset: the key is taken away."""
    error: str = ""
    warning: str = ""
    line: list[str] = []
    """Texts one of which stands on the line of the problem; the value itself when there are none."""
    formats: tuple[str, ...] = ALL
    """Not KDL where a list or mapping stands in place of a value, which its nodes cannot say."""


MISTAKES = [
    msgspec.json.decode(line, type=Mistake)
    for line in Path(__file__).with_name("one_mistake.jsonl").read_text().splitlines()
]


def changed(mistake: Mistake) -> dict[str, Any]:
    data = copy.deepcopy(GOOD)
    *steps, last = mistake.at
    inner: Any = data
    for step in steps:
        inner = inner[step]
    if mistake.value is msgspec.UNSET:
        del inner[last]
    elif isinstance(inner, list):
        inner.append(mistake.value)
    else:
        inner[last] = mistake.value
    return data


@pytest.mark.parametrize("format", ALL)
def test_the_workflow_without_mistakes_is_good(format: str) -> None:
    loaded = load_text(written(GOOD, format), format, "flow", strict=True)
    assert loaded.errors == []
    assert loaded.warnings == []


CASES = [(mistake, format) for mistake in MISTAKES for format in mistake.formats]


def _kind(message: str) -> str:
    """What is wrong, without what it is wrong of: `must be at` of `nodes must be at least 1, not 0`."""
    return " ".join(re.sub(r'"[^"]*"|-?[0-9]+', "", message).split()[1:4])


def test_there_are_many_kinds_in_all_formats() -> None:
    refused = [(mistake.error, format) for mistake, format in CASES if mistake.error]
    assert len(refused) >= 300
    assert {format for _, format in refused} == set(ALL)
    assert len({_kind(error) for error, _ in refused}) >= 30


def _marks(mistake: Mistake) -> list[str]:
    """Texts one of which stands on the line of the problem."""
    if mistake.line:
        return [*mistake.line, *(mark.replace('"', "'") for mark in mistake.line)]
    plain = mistake.value if isinstance(mistake.value, str) else json.dumps(mistake.value)
    return [plain, plain.replace("true", "#true")]


@pytest.mark.parametrize(
    ("mistake", "format"), CASES, ids=[f"{format}-{'.'.join(map(str, one.at))}" for one, format in CASES]
)
def test_a_mistake_has_its_message_and_place(mistake: Mistake, format: str) -> None:
    text = written(changed(mistake), format)
    loaded = load_text(text, format, "flow")
    message = mistake.error or mistake.warning
    problems = loaded.errors if mistake.error else loaded.warnings
    (problem,) = [one for one in problems if one.message.startswith(message)]
    assert problem.message == message or message.endswith("first at line")
    assert (loaded.spec is None) == bool(mistake.error)
    line, column = problem.order
    assert problem.where == f"flow:{line}:{column}"
    shown = text.split("\n")[line - 1]
    assert any(mark in shown for mark in _marks(mistake)), shown
    assert shown[column - 1 : column] not in ("", " ", ",", ":", "}", "]")


def test_the_command_line_refuses_all_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORC_API_URL", "http://127.0.0.1:9/nobody")
    for number, (mistake, format) in enumerate(CASES):
        if not mistake.error:
            continue
        path = tmp_path / f"flow{number}.{format}"
        path.write_text(written(changed(mistake), format))
        assert main(["workflows", "create", str(path)]) == 2
        assert main(["workflows", "create", str(path), "--dry-run"]) == 2
        told = capsys.readouterr().err
        assert told.count(f"{path}:") >= 2
        assert told.count(mistake.error) == 2
        assert "Traceback" not in told


EXAMPLES = Path(__file__).parents[2] / "examples"
MUTATIONS = 5_000
PORTION = 1_000
SIGNS = [
    *list("{}[]()\"'`:;,.-_#%&*!|>?@$/\\=+~ \t\n01aé\x00\u2028\ufeff"),
    *("${", "}}", '"""', "#true", "null", "- ", "/*", "//"),
]


def mutated(text: str, randomly: random.Random) -> str:
    """A few changes of characters, or of whole lines."""
    for _ in range(randomly.randint(1, 4)):
        at, until = sorted(randomly.randrange(len(text) + 1) for _ in range(2))
        until = min(until, at + randomly.randint(0, 12))
        what = randomly.random()
        if what < 0.25:
            text = text[:at] + text[until:]
        elif what < 0.55:
            text = text[:at] + randomly.choice(SIGNS) + text[at:]
        elif what < 0.75:
            text = text[:at] + randomly.choice(SIGNS) + text[until:]
        else:
            lines = text.split("\n")
            one, two = randomly.randrange(len(lines)), randomly.randrange(len(lines))
            if randomly.random() < 0.5:
                lines[one], lines[two] = lines[two], lines[one]
            else:
                lines.insert(one, lines[two])
            text = "\n".join(lines)
    return text


@cache
def sources(format: str) -> list[str]:
    """What is mutated: the good workflow and the examples."""
    return [written(GOOD, format), *(path.read_text() for path in sorted(EXAMPLES.glob(f"*.{format}")))]


def check_mutation(seed: int) -> bool:
    """Whether a mutated workflow is refused, in single lines; one that is not has a plan."""
    randomly = random.Random(seed)
    format = randomly.choice(ALL)
    loaded = load_text(mutated(randomly.choice(sources(format)), randomly), format, "flow")
    for problem in (*loaded.errors, *loaded.warnings):
        assert len(str(problem).splitlines()) == 1, problem
        assert problem.where.startswith("flow")
    assert (loaded.spec is None) == bool(loaded.errors)
    if loaded.spec is not None:
        assert list(build_plan(loaded.spec, user="me", origin=Path("/")).lines(initialize=False))
    return loaded.spec is None


@pytest.mark.parametrize("first", range(0, MUTATIONS, PORTION))
def test_random_mutations_give_problems_and_no_traceback(first: int) -> None:
    refused = [check_mutation(seed) for seed in range(first, first + PORTION)]
    assert sum(refused) > PORTION / 4
