"""What torc-server 0.12.3 answered, as recorded: reading the steps, sending them, comparing answers.

One JSON object a line: `{"server": …}` starts a fresh server, `{"restart": true}` starts it again on its database, all
others are a request with its answer. An answer is given whole (`json`, `text`) or in part: `pick` (these fields),
`ids` (of the items, in order), `states` (name: status of the jobs listed), `claimed` (names, in order), `pick_items`
(fields of each element; null: absent), `first_item`. Recorded
objects may be a subset of what is answered; `<ts …>`, `<uuid>` and `<hash>` stand for any such text; of a 400's text
the part up to `schema:` counts. `better` names a defect of torc and what would be right.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.server_process import BASE

Step = dict[str, Any]

DATA = Path(__file__).parent / "data"
POLL_S = 10

PLACEHOLDERS = {
    "<ts YYYY-MM-DDTHH:MM:SS.mmmZ>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "<ts YYYY-MM-DD HH:MM:SS>": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "<ts RFC3339 +00:00>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00",
    "<uuid>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<hash>": r"[^)]*",
}

PARTS: dict[str, Callable[[Any], Any]] = {
    "json": lambda body: body,
    "pick": lambda body: body,
    "ids": lambda body: [item["id"] for item in body["items"]],
    "states": lambda body: {job["name"]: job["status"] for job in body["items"]},
    "claimed": lambda body: [job["name"] for job in body["jobs"]],
    "pick_items": lambda body: body,
    "first_item": lambda body: body[0],
}
"""Form of an answer -> what it shows of the body."""

NULLS = {("invocation_script", ""), ("failure_handler_id", 0), ("scheduler_id", 0)}
"""torc shows the null columns of a job so (server.md 0.3); here they are null, or left out."""


def steps(section: str) -> list[Step]:
    """The lines of a section."""
    return [json.loads(line) for line in (DATA / f"{section}.jsonl").read_text().splitlines()]


def ask(http: httpx.Client, step: Step) -> httpx.Response:
    """Send a step's request."""
    body = step.get("raw")
    if "body" in step:
        body = json.dumps(step["body"], separators=(",", ":"))
    elif repeat := step.get("body_repeat"):
        body = json.dumps({repeat["key"]: list(_repeated(repeat))}, separators=(",", ":"))
    target = step["path"] if step.get("absolute") else BASE + step["path"]
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if "auth" in step:
        headers["Authorization"] = "Basic " + base64.b64encode(step["auth"].encode()).decode()
    url = httpx.URL(str(http.base_url)).copy_with(raw_path=target.encode())
    return http.request(step["method"], url, content=body, headers={**headers, **step.get("request_headers", {})})


def _repeated(repeat: Step) -> Any:
    first = repeat.get("chain_from")
    for i in range(repeat["n"]):
        item = repeat["item"]
        if first is not None:
            item = {**item, "name": f"{item['name']}{i + 1}", "depends_on_job_ids": [first + i]}
        yield item


def ask_until(http: httpx.Client, step: Step) -> tuple[httpx.Response, str | None]:
    """The answer to a step and how it differs; a step that is polled is asked until it does not."""
    deadline = time.monotonic() + POLL_S
    while True:
        answer = ask(http, step)
        difference = compare(step, answer)
        if not difference or not step.get("poll") or time.monotonic() > deadline:
            return answer, difference


def named_statuses(step: Step) -> set[int]:
    """The statuses that `better` calls right."""
    found = re.match(r"([2-5]\d\d)\b(?: or ([2-5]\d\d)\b)?", step.get("better", ""))
    return {int(status) for status in found.groups() if status} if found else set()


def compare(step: Step, answer: httpx.Response) -> str | None:
    """How an answer differs from the recorded one; None when it does not."""
    if answer.status_code != step["status"]:
        return f"status: expected {step['status']}, got {answer.status_code} {answer.text[:300]}"
    for name, want in {"content-type": step.get("type", "application/json"), **step.get("headers", {})}.items():
        got = answer.headers.get(name)
        if not (got is None if want is None else same_text(want, got)):
            return f"header {name}: expected {want!r}, got {got!r}"
    if "text" in step:
        return _compare_text(step, answer.text)
    for form in PARTS.keys() & step.keys():
        shown = PARTS[form](answer.json())
        if form == "states" and shown.keys() != step["states"].keys():
            return f"states: expected jobs {sorted(step['states'])}, got {sorted(shown)}"
        if difference := differ(step[form], shown, form):
            return difference
    return None


def _compare_text(step: Step, got: str) -> str | None:
    want = step["text"]
    if step["status"] == 400 and "schema:" in want:
        want, got = (text.partition("schema:")[0] for text in (want, got))
    return None if want == got else f"text: expected {want!r}, got {got!r}"


def same_text(want: str, got: Any) -> bool:
    parts = re.split("(" + "|".join(map(re.escape, PLACEHOLDERS)) + ")", want)
    pattern = "".join(PLACEHOLDERS.get(part, re.escape(part)) for part in parts)
    return isinstance(got, str) and re.fullmatch(pattern, got, re.DOTALL) is not None


def differ(want: Any, got: Any, where: str) -> str | None:
    """The first difference; objects in `got` may have further fields."""
    if isinstance(want, dict) and isinstance(got, dict):
        found = (
            differ(value, got.get(name, "(absent)"), f"{where}.{name}")
            for name, value in want.items()
            if not ((value is None or _is_null(name, value)) and got.get(name) is None)
        )
        return next((each for each in found if each), None)
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        pairs = enumerate(zip(want, got, strict=True))
        return next((each for i, (a, b) in pairs if (each := differ(a, b, f"{where}[{i}]"))), None)
    if want == "<ts ms>":
        same = type(got) is int and 1_600_000_000_000 < got < 10_000_000_000_000
    elif isinstance(want, str):
        same = same_text(want, got)
    elif type(want) in (int, float):
        same = type(got) in (int, float) and want == got
    else:
        same = want is got or (want == got == [])
    return None if same else f"{where}: expected {want!r}, got {got!r}"


def _is_null(name: str, value: Any) -> bool:
    return type(value) in (int, str) and (name, value) in NULLS
