"""The conversation of runners with the server (models/exchange.py); the hot path: nothing is done twice here."""

from __future__ import annotations

import msgspec

from torc_core.models.exchange import ExchangeAnswer, ExchangeRequest
from torc_core.models.late import LateAnswer, LateResults
from torc_server.api.answers import JSON, Answer, Malformed, json_answer
from torc_server.api.call import Call
from torc_server.api.routes import post
from torc_server.engine.late import take_late_results

_decode = msgspec.json.Decoder(ExchangeRequest).decode
_encode = msgspec.json.Encoder().encode


@post("/workflows/{id:str}/compute_nodes/{node_id:str}/exchange", body=ExchangeRequest, answer=ExchangeAnswer)
async def exchange(request: Call) -> Answer:
    """A runner reports, and gets jobs; held up to `wait_ms` when there is nothing to say."""
    try:
        told = _decode(await request.body())
    except (ValueError, msgspec.DecodeError) as error:
        raise Malformed(f"Couldn't parse body parameter body - doesn't match schema: {error}") from None
    server, workflow_id, node_id = request.server, request.number(), request.number("node_id")
    server.samples.started(workflow_id, told.started)
    if told.samples:
        server.samples.take(workflow_id, told.samples)
    server.samples.take_of_node(workflow_id, node_id, told)
    told.wait_ms = server.samples.patience_ms(workflow_id, told.wait_ms)
    answer = await server.runners.exchange(node_id, workflow_id, told)
    return Answer(_encode(answer), headers=JSON, traced=False)


@post("/workflows/{id:str}/compute_nodes/{node_id:str}/late_results", body=LateResults, answer=LateAnswer)
async def late_results(request: Call) -> Answer:
    """What a runner that is gone could not tell any more."""
    late = await request.told(LateResults)
    answer = await request.db.write(take_late_results, request.number(), request.number("node_id"), late)
    return json_answer(answer)


HANDLERS = [exchange, late_results]
