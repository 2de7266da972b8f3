"""A whole workflow in one request, as a stream of JSON lines (models/plan.py)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec

from torc_core.crash import crash_point
from torc_core.models.plan import PlanAnswer, PlanEnd, PlanLine, PlanStart
from torc_server.api.answers import Answer, Malformed, json_answer
from torc_server.api.call import Call, Server
from torc_server.api.routes import post
from torc_server.engine.create import Creation, add, begin
from torc_server.errors import Invalid

MAX_LINE = 64 << 20
"""Longest line in bytes: 1,000 jobs with commands of 60 kB. What a plan takes in memory is two of them at most."""

_decode: Callable[[bytes], PlanLine] = msgspec.json.Decoder(PlanLine).decode


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[PlanLine]:
    """The lines of a body as they come in."""
    number, rest = 0, bytearray()
    async for chunk in chunks:
        first, *others = chunk.split(b"\n")
        rest += first
        for begun in others:
            number += 1
            if rest.strip():
                yield _line(bytes(rest), number)
            rest = bytearray(begun)
        if len(rest) > MAX_LINE:
            raise Invalid(f"line {number + 1} of the plan is longer than {MAX_LINE >> 20} MiB; send fewer jobs a line")
    if rest.strip():
        yield _line(bytes(rest), number + 1)


def _line(text: bytes, number: int) -> PlanLine:
    try:
        return _decode(text)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise Malformed(f"Couldn't parse line {number} of the plan: {error}") from None


async def _store(server: Server, lines: AsyncIterator[PlanLine]) -> PlanAnswer:
    """Store a plan line by line, each in a transaction of its own, hidden until the last."""
    db = server.db
    start = await anext(lines, None)
    if not isinstance(start, PlanStart):
        raise Invalid("a plan begins with a line of kind workflow")
    creation: Creation = await db.write(begin, start)
    crash_point("server.plan.begun")
    try:
        async for line in lines:
            if isinstance(line, PlanEnd):
                answer: PlanAnswer = await server.gradual.finish_creation(creation)
                crash_point("server.plan.visible")
                return answer
            if not creation.repeated:
                await db.write(add, creation, line)
                crash_point("server.plan.chunk")
        raise Invalid("the plan was cut off: its last line, of kind end, did not come; send it again")
    except BaseException:
        if not creation.repeated:
            await asyncio.shield(server.gradual.abandon(creation))
        raise


@post("/workflows/from_plan", body=PlanStart, answer=PlanAnswer)
async def create_from_plan(request: Call) -> Answer:
    """Create a workflow with everything in it; repeating a plan finds the workflow that it made."""
    chunks = request.stream()
    try:
        answer = await _store(request.server, _lines(chunks))
    finally:
        async for _ in chunks:  # a client hears an answer only when it has sent everything
            pass
    return json_answer(answer)


HANDLERS = [create_from_plan]
