"""Declaring endpoints: a Litestar handler that also says what it takes and gives, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import litestar
import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)

from torc_core.models.status import JobStatus
from torc_server.api.front import BASE
from torc_server.api.parameters import plain_type

Decorator = Callable[[Any], HTTPRouteHandler]

MODELS: set[Any] = set()
"""What bodies and answers are made of; filled as the document is built."""

_REFERENCE = "#/components/schemas/{name}"

_TYPES = {int: OpenAPIType.INTEGER, bool: OpenAPIType.BOOLEAN, str: OpenAPIType.STRING, JobStatus: OpenAPIType.STRING}


def get(path: str, *, query: Any = None, answer: Any = None) -> Decorator:
    """A GET endpoint below the base path."""
    return _route(litestar.get, path, query, None, answer)


def post(path: str, *, query: Any = None, body: Any = None, answer: Any = None) -> Decorator:
    """A POST endpoint below the base path."""
    return _route(litestar.post, path, query, body, answer)


def put(path: str, *, query: Any = None, body: Any = None, answer: Any = None) -> Decorator:
    """A PUT endpoint below the base path."""
    return _route(litestar.put, path, query, body, answer)


def delete(path: str, *, query: Any = None, answer: Any = None) -> Decorator:
    """A DELETE endpoint below the base path."""
    return _route(litestar.delete, path, query, None, answer)


def _route(method: Any, path: str, query: Any, body: Any, answer: Any) -> Decorator:
    handler: Decorator = method(
        BASE + path,
        status_code=200,
        operation_class=_operation(query, body, answer),
        tags=[path.split("/")[1]],
    )
    return handler


def _operation(query: Any, body: Any, answer: Any) -> type[Operation]:
    """An OpenAPI operation that knows the parameters and bodies the handler reads by itself."""

    class Described(Operation):
        def __init__(self, **known: Any) -> None:
            super().__init__(**known)
            if query is not None:
                self.parameters = [*(self.parameters or []), *_parameters(query)]
            if body is not None:
                self.request_body = RequestBody(content=_content(body), required=True)
            content = _content(answer) if answer is not None else None
            self.responses = {"200": OpenAPIResponse(description="Done", content=content)}

    return Described


def _parameters(model: type[msgspec.Struct]) -> list[Parameter]:
    return [
        Parameter(
            name=field.name,
            param_in="query",
            required=field.required,
            schema=Schema(type=_TYPES[plain_type(field.type)]),
        )
        for field in msgspec.structs.fields(model)
    ]


def _content(model: Any) -> dict[str, OpenAPIMediaType]:
    MODELS.add(model)
    (schema,), _ = msgspec.json.schema_components([model], ref_template=_REFERENCE)
    return {"application/json": OpenAPIMediaType(schema=schema)}  # type: ignore[arg-type]


def document(app: litestar.Litestar) -> dict[str, Any]:
    """The OpenAPI document, with the schemas of everything that handlers read and answer."""
    found = app.openapi_schema.to_schema()
    _, schemas = msgspec.json.schema_components(MODELS, ref_template=_REFERENCE)
    return {**found, "components": {**found.get("components", {}), "schemas": schemas}}
