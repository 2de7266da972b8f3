"""YAML with the scalars of YAML 1.2 (spec.md 18): `1:10`, `yes` and `010` are text, `0o17` and `1e3` are numbers.

Exactly one document; a key given twice is an error; aliases work but may not multiply without bound.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from torc_core.spec.document import Path, Problem, UnreadableError

MAX_EXPANDED_BY_ALIASES = 1_000_000
"""How many values aliases may add to those that are written out."""

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _CoreLoader(_BASE):  # type: ignore[misc]
    """Resolves plain scalars by the core schema of YAML 1.2 and nothing else."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


def _resolve(kind: str, pattern: str, first: str) -> None:
    _CoreLoader.add_implicit_resolver(_TAG + kind, re.compile(f"(?:{pattern})$"), list(first))


_resolve("null", "~|null|Null|NULL", "~nN")
_CoreLoader.add_implicit_resolver(_TAG + "null", re.compile("$"), [""])
_resolve("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("int", "[-+]?(?:0|[1-9][0-9]*|0o[0-7]+|0x[0-9a-fA-F]+|0b[01]+)", "-+0123456789")
_resolve("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+", "-+.0123456789")
_resolve("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+.")

IMPLICIT_SCALARS = _CoreLoader.yaml_implicit_resolvers
"""What plain scalars are, by their first character."""


def read_yaml(text: str, name: str) -> YamlDocument:
    """Read `text`; UnreadableError with line and column where it is no YAML."""
    try:
        loader = _CoreLoader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        raise UnreadableError(_bad_character(text, name)) from error
    except yaml.MarkedYAMLError as error:
        raise UnreadableError(_syntax_problem(error, text, name)) from error
    return YamlDocument(root, name)


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, name: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    fault = " ".join((error.problem or "").split())
    if error.context == "expected a single document in the stream":
        return _at(mark, name, "a workflow file holds one YAML document; here starts a second one")
    message = f"no valid YAML: {fault}"
    if error.context and error.context.startswith("while parsing"):
        message += f" {error.context}"
    if error.context_mark and mark and error.context_mark.line != mark.line:
        message += f" (it starts on line {error.context_mark.line + 1})"
    if "mapping values are not allowed" in fault:
        message += "; check the indentation, and quote a text that contains a colon and a blank"
    elif "cannot start any token" in fault and mark:
        character = _character_at(text, mark)
        hint = (
            "indent with blanks, not with tabs" if character == "\t" else f"quote a text that starts with {character}"
        )
        message += f"; {hint}"
    return _at(mark, name, message) if mark else Problem(message, name)


def _character_at(text: str, mark: Any) -> str:
    line = "".join(text.splitlines(keepends=True)[mark.line : mark.line + 1])
    return line[mark.column : mark.column + 1]


def _bad_character(text: str, name: str) -> Problem:
    match = _NOT_ALLOWED.search(text)
    if match is None:
        return Problem("a character that YAML does not allow", name)
    line = text.count("\n", 0, match.start())
    column = match.start() - (text.rfind("\n", 0, match.start()) + 1)
    message = f"the character U+{ord(match[0]):04X} is not allowed in YAML; write it as an escape in double quotes"
    return Problem(message, f"{name}:{line + 1}:{column + 1}", (line + 1, column + 1))


def _at(mark: Any, name: str, message: str) -> Problem:
    line, column = mark.line + 1, mark.column + 1
    return Problem(message, f"{name}:{line}:{column}", (line, column))


class YamlDocument:
    """The data of a YAML text; places are line and column."""

    def __init__(self, root: yaml.Node | None, name: str) -> None:
        self._root = root
        self._name = name
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []
        builder = _Builder(self)
        self.data = None if root is None else builder.value(root)
        if builder.expanded - builder.written > MAX_EXPANDED_BY_ALIASES:
            message = (
                f"aliases make {builder.expanded:,} values of {builder.written:,}; write it without so many aliases"
            )
            raise UnreadableError(Problem(message, name))

    def at(self, node: yaml.Node, message: str) -> Problem:
        """`message` at the start of a node."""
        return _at(node.start_mark, self._name, message)

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:
        node = self._find(path, key=key)
        return Problem(message, self._name) if node is None else self.at(node, message)

    def place(self, path: Path) -> str:
        node = self._find(path)
        return self._name if node is None else f"line {node.start_mark.line + 1}"

    def written(self, path: Path, value: Any) -> str:
        node = self._find(path)
        return node.value if isinstance(node, yaml.ScalarNode) else str(value)

    def _find(self, path: Path, *, key: bool = False) -> yaml.Node | None:
        node = name = self._root
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = next((pair for pair in node.value if pair[0].value == step), None)
                if found is None:
                    break
                name, node = found
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                name = node = node.value[step]
        return name if key else node


class _Builder:
    """Makes plain data of nodes; a node reached by several aliases becomes one shared object."""

    def __init__(self, document: YamlDocument) -> None:
        self._document = document
        self._done: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()
        self.written = 0
        self.expanded = 0

    def value(self, node: yaml.Node) -> Any:
        """The data of `node` and everything below; mistakes go to the document."""
        if isinstance(node, yaml.ScalarNode):
            self.written += 1
            self.expanded += 1
            return self._scalar(node)
        identity = id(node)
        if identity in self._done:
            value, size = self._done[identity]
            self.expanded += size
            return value
        if identity in self._open:
            self._mistake(node, "this value contains itself through an alias")
            return None
        self._open.add(identity)
        before = self.expanded
        self.written += 1
        self.expanded += 1
        value = self._mapping(node) if isinstance(node, yaml.MappingNode) else self._sequence(node)
        self._open.remove(identity)
        self._done[identity] = value, self.expanded - before
        return value

    def _mistake(self, node: yaml.Node, message: str) -> None:
        self._document.errors.append(self._document.at(node, message))

    def _sequence(self, node: yaml.Node) -> list[Any]:
        if node.tag != _TAG + "seq":
            self._mistake(node, f"the tag {_short(node.tag)} is not supported; remove it")
        return [self.value(item) for item in node.value]

    def _mapping(self, node: yaml.Node) -> dict[str, Any]:
        if node.tag != _TAG + "map":
            self._mistake(node, f"the tag {_short(node.tag)} is not supported; remove it")
        data: dict[str, Any] = {}
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._mistake(key, "a key must be text, not a list or mapping")
            elif key.tag != _TAG + "str" and key.value != "<<":
                self._mistake(key, f'a key must be text; quote it: "{key.value}"')
            elif key.value in data:
                first = next(other for other, _ in node.value if other.value == key.value)
                self._mistake(key, f'the key "{key.value}" is given twice; first on line {first.start_mark.line + 1}')
            else:
                data[key.value] = self.value(item)
        return data

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return text
        try:
            return self._plain(node, kind, text)
        except ValueError:
            self._mistake(node, f'"{text}" does not fit its tag {_short(node.tag)}; remove the tag')
            return text

    def _plain(self, node: yaml.ScalarNode, kind: str, text: str) -> Any:
        if kind == "null":
            return None
        if kind == "bool":
            if text.lower() not in ("true", "false"):
                raise ValueError(text)
            return text.lower() == "true"
        if kind == "int":
            return int(text, 0)
        if kind == "float":
            if text.lower().lstrip("+-") in (".inf", ".nan"):
                self._document.warnings.append(self._document.at(node, f"{text} has no JSON form and is read as null"))
                return None
            return float(text)
        self._mistake(node, f"the tag {_short(node.tag)} is not supported; remove it")
        return text


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
