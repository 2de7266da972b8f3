"""KDL, version 2 and the spellings of version 1 that torc's files use: nodes become the keys of JSON (spec.md 4).

Unknown nodes are unknown keys. Where a list or mapping may stand it is written `x 1 2`, `x { - 1; - 2 }` or
`x { a 1; b 2 }`; empty ones are `(list)x` and `(map)x`. What torc leaves out silently is left out with a warning.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from typing import Any

import ckdl

from torc_core.spec.document import Path, Problem, UnreadableError
from torc_core.spec.json_document import read_json
from torc_core.spec.json_places import Lines
from torc_core.spec.kdl_shapes import OPTIONAL, WORKFLOW, Shape
from torc_core.spec.kdl_tokens import KdlFault, NodePlace, as_version_2, node_places
from torc_core.spec.values import quoted

At = tuple[int, ...]
"""A node: its number among the nodes of the text, then in its parent's block, and so on."""

ITEM = "-"
"""The name of nodes that are items of a list."""


def read_kdl(text: str, name: str) -> KdlDocument:
    """Read `text`; UnreadableError with line and column where it is no KDL."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UnreadableError(Problem("no valid KDL: half of a surrogate pair, which is no character", name))
    try:
        return KdlDocument(_parse(text), name, text)
    except KdlFault as fault:
        line, column = Lines(text).at(fault.offset)
        message = f"no valid KDL: {fault.message}"
        raise UnreadableError(Problem(message, f"{name}:{line}:{column}", (line, column))) from fault


def _parse(text: str) -> list[ckdl.Node]:
    try:
        return list(ckdl.parse(text, version=2).nodes)
    except ckdl.ParseError:
        pass
    try:
        return list(ckdl.parse(as_version_2(text), version=2).nodes)
    except ckdl.ParseError as error:
        raise _fault(text, str(error)) from error


def _fault(text: str, message: str) -> KdlFault:
    """The innermost node that the parser refuses."""
    place = node_places(text)
    while True:
        for node in place.children:
            try:
                ckdl.parse(as_version_2(text[node.offset : node.end]), version=2)
            except ckdl.ParseError as error:
                place, message = node, str(error)
                break
        else:
            break
    hint = "; quote a text that is not a plain word" if place.end else ""
    return KdlFault(f"this node cannot be read ({message[:1].lower()}{message[1:]}){hint}", place.offset)


class KdlDocument:
    """The data of a KDL text; places are the line and column of the node."""

    def __init__(self, nodes: list[ckdl.Node], name: str, text: str) -> None:
        self._nodes = nodes
        self._name = name
        self._text = text
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []
        reading = _Reading(self)
        self.data = reading.workflow(nodes) if nodes else None

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:  # noqa: ARG002
        return self.problem_at(self._at(path), message)

    def problem_at(self, at: At, message: str) -> Problem:
        """`message` at a node."""
        if not at:
            return Problem(message, self._name)
        line, column = self._position(at)
        return Problem(message, f"{self._name}:{line}:{column}", (line, column))

    def place(self, path: Path) -> str:
        return f"line {self._position(self._at(path))[0]}"

    def written(self, path: Path, value: Any) -> str:  # noqa: ARG002
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _at(self, path: Path) -> At:
        while path not in self._paths and path:
            path = path[:-1]
        return self._paths.get(path, ())

    def _position(self, at: At) -> tuple[int, int]:
        node = self._places
        for number in at:
            if number >= len(node.children):
                break
            node = node.children[number]
        return self._lines.at(node.offset)

    @cached_property
    def _paths(self) -> dict[Path, At]:
        reading = _Reading(self, paths={})
        reading.workflow(self._nodes)
        return reading.paths or {}

    @cached_property
    def _places(self) -> NodePlace:
        return node_places(self._text)

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self._text)


class _Reading:
    """Makes plain data of nodes. With `paths` it notes the node of each path, and no mistakes."""

    def __init__(self, document: KdlDocument, paths: dict[Path, At] | None = None) -> None:
        self._document = document
        self.paths = paths

    def _error(self, at: At, message: str) -> None:
        if self.paths is None:
            self._document.errors.append(self._document.problem_at(at, message))

    def _ignored(self, at: At, message: str) -> None:
        """What has no effect, in torc neither."""
        if self.paths is None:
            self._document.warnings.append(replace(self._document.problem_at(at, message), ignored=True))

    def _note(self, path: Path, at: At) -> None:
        if self.paths is not None:
            self.paths[path] = at

    def workflow(self, nodes: list[ckdl.Node]) -> dict[str, Any]:
        """The data of the whole text."""
        return self._block(nodes, WORKFLOW, (), ())

    def _object(self, node: ckdl.Node, shape: Shape, path: Path, at: At) -> dict[str, Any]:
        self._note(path, at)
        data = {}
        args = node.args
        if shape.named and args:
            data["name"] = self._value(args[0], at)
            self._note((*path, "name"), at)
        if len(args) > shape.named:
            self._ignored(at, f"{node.name}: the value {self._value(args[-1], at)!r} means nothing here")
        for key, value in node.properties.items():
            found = self._values(key, [value], OPTIONAL.get(key), at)
            data[shape.many.get(key, key)] = found if key in shape.many else next(iter(found), None)
        block = self._block(node.children, shape, path, at)
        for key in data:
            if key in block:
                self._ignored(at, f"{key} beside {node.name} has no effect, as it is in the block, too")
        return data | block

    def _block(self, nodes: list[ckdl.Node], shape: Shape, path: Path, at: At) -> dict[str, Any]:
        data: dict[str, Any] = {key: [] for key in shape.always}
        seen: dict[str, At] = {}
        for number, node in enumerate(nodes):
            name, here = node.name, (*at, number)
            if name in shape.objects:
                key, inner = shape.objects[name]
                items = data.setdefault(key, [])
                items.append(self._object(node, inner, (*path, key, len(items)), here))
            elif name in shape.plurals:
                singular = shape.plurals[name]
                title = ' "NAME"' if shape.objects[singular][1].named else ""
                self._ignored(here, f"{name} has no effect; write a node {singular}{title} {{ ... }} for each")
            elif name in shape.many:
                self._add(data.setdefault(shape.many[name], []), node, (*path, shape.many[name]), here)
            elif name not in shape.keys:
                self._unknown(node, data, (*path, name), here)
            elif self._is_new(name, here, seen):
                self._note((*path, name), here)
                data[name] = self._single(node, shape, (*path, name), here)
        return data

    def _unknown(self, node: ckdl.Node, data: dict[str, Any], path: Path, here: At) -> None:
        """The first of a name is told as an unknown key."""
        if node.name in data:
            self._ignored(here, f"another unknown node {quoted(node.name)} has no effect")
        else:
            self._note(path, here)
            data[node.name] = self._value(node.args[0], here) if node.args else None

    def _is_new(self, name: str, here: At, seen: dict[str, At]) -> bool:
        if name not in seen:
            seen[name] = here
            return True
        if self.paths is None:
            first = self._document.problem_at(seen[name], "").order[0]
            self._error(here, f'the key "{name}" is given twice; first on line {first}')
        return False

    def _add(self, items: list[Any], node: ckdl.Node, path: Path, here: At) -> None:
        self._note(path, here)
        self._no_block(node, here)
        values = [*node.args, *node.properties.values()]
        for value in self._values(node.name, values, OPTIONAL.get(node.name), here):
            self._note((*path, len(items)), here)
            items.append(value)

    def _single(self, node: ckdl.Node, shape: Shape, path: Path, here: At) -> Any:
        name = node.name
        if name in shape.maps:
            return self._map(node, path, here, free=name in shape.free)
        if name in shape.single and not node.args:
            return self._object(node, shape.single[name], path, here)
        if name in shape.json:
            return self._json(node, path, here)
        return self._first(node, here, OPTIONAL.get(name))

    def _no_block(self, node: ckdl.Node, here: At) -> None:
        if node.children:
            self._ignored(here, f"the block of {node.name} has no effect; it takes a value")

    def _first(self, node: ckdl.Node, here: At, wanted: type | None = None) -> Any:
        """The one value of a node; whether it is an argument or a property does not matter."""
        self._no_block(node, here)
        values = [*node.args, *node.properties.values()]
        if len(values) > 1:
            self._ignored(here, f"{node.name} takes one value; the others are ignored")
        return next(iter(self._values(node.name, values[:1], wanted, here)), None)

    def _values(self, name: str, values: list[Any], wanted: type | None, here: At) -> list[Any]:
        """The values of a node, without those of another type than is wanted, if any is."""
        found = [self._value(value, here) for value in values]
        if wanted is None or all(type(value) is wanted for value in found):
            return found
        for value in found:
            if value is not None and type(value) is not wanted:
                self._ignored(here, _left_out(name, value, wanted))
        return [value for value in found if type(value) is wanted]

    def _map(self, node: ckdl.Node, path: Path, here: At, *, free: bool) -> Any:
        if node.args:
            return self._first(node, here)
        data = {name: self._value(value, here) for name, value in node.properties.items()}
        seen: dict[str, At] = {}
        for number, item in enumerate(node.children):
            at = (*here, number)
            if self._is_new(item.name, at, seen):
                inner = (*path, item.name)
                self._note(inner, at)
                data[item.name] = self._free(item, inner, at) if free else self._first(item, at)
        return data

    def _free(self, node: ckdl.Node, path: Path, here: At) -> Any:
        """Any value: one, a list or a mapping."""
        if node.type_annotation == "list" or len(node.args) > 1:
            self._no_block(node, here)
            return [self._value(value, here) for value in node.args]
        if node.args:
            self._no_block(node, here)
            return self._value(node.args[0], here)
        is_map = node.type_annotation == "map"
        if node.children and not is_map and all(item.name == ITEM for item in node.children):
            items = []
            for number, item in enumerate(node.children):
                self._note((*path, number), (*here, number))
                items.append(self._free(item, (*path, number), (*here, number)))
            return items
        if node.children or node.properties or is_map:
            return self._map(node, path, here, free=True)
        return None

    def _json(self, node: ckdl.Node, path: Path, here: At) -> Any:
        value = self._free(node, path, here)
        if not isinstance(value, str):
            return value
        try:
            document = read_json(value, node.name)
        except UnreadableError as error:
            self._error(here, f"the text of {node.name} must be JSON: {error.problem.message}")
            return None
        for problem in document.errors:
            self._error(here, f"{node.name}: {problem.message}")
        return document.data

    def _value(self, value: Any, here: At) -> Any:
        if isinstance(value, ckdl.Value):
            value = value.value
        if isinstance(value, float) and not math.isfinite(value):
            self._ignored(here, f"{value} has no JSON form and is read as null")
            return None
        return value


def _left_out(name: str, value: Any, wanted: type) -> str:
    """That a value is of another type than its key takes, and how to write it."""
    shown = quoted(value) if isinstance(value, str) else str(value).lower()
    takes = {str: "text", int: "a whole number", bool: "#true or #false"}[wanted]
    hint = ""
    if wanted is str:
        hint = f'; quote it: "{shown}"'
    elif wanted is int and shown.strip('"').isdecimal():
        hint = "; write it without quotes"
    return f"{name} takes {takes}, so {shown} has no effect{hint}"
