"""What the service says, in its JSON: rows, partial rows, and every no."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from erp_telemetry.testing import bounds
from erp_telemetry.testing.kql import QueryRefused
from erp_telemetry.testing.workspaces import Answer

TOO_LARGE = "E_QUERY_RESULT_SET_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes over the wire: a status and a body, and how much of it arrives when.

    ``wait`` is in seconds. ``sent`` is the number of body bytes after which the connection ends, however
    much the head promised: ``None`` for all, -1 to end it before the head. It ends with a farewell, or with
    none where ``is_reset``. ``is_chunked`` sends no length.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "application/json; charset=utf-8"
    wait: float = 0.0
    sent: int | None = None
    is_reset: bool = False
    is_chunked: bool = False


def table(answer: Answer, error: dict[str, Any] | None = None) -> bytes:
    """An answer as the body of a 200; with ``error`` beside the rows it is a partial one."""
    reals = [place for place, (_, kind) in enumerate(answer.columns) if kind == "real"]
    rows: Sequence[Sequence[Any]] = answer.rows
    if any(not math.isfinite(row[place]) for row in rows for place in reals if row[place] is not None):
        rows = [[_spelt(value) for value in row] for row in rows]
    columns = [{"name": name, "type": kind} for name, kind in answer.columns]
    body: dict[str, Any] = {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]}
    if error is not None:
        body["error"] = error
    return json.dumps(body, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


def bounded(answer: Answer) -> Reply:
    """An answer within what the service gives in one: rows beyond are left out and said, too many bytes refused."""
    if len(answer.rows) > bounds.MOST_ROWS:
        some = Answer(answer.columns, answer.rows[:bounds.MOST_ROWS])
        return Reply(200, table(some, partial_error(too_large(bounds.MOST_ROWS, "records"))))
    body = table(answer)
    if len(body) > bounds.MOST_BYTES:
        return Reply(413, refusal("ResponseSizeError", "Response size too large", {
            "code": TOO_LARGE, "message": too_large(bounds.MOST_BYTES, "bytes")}))
    return Reply(200, body)


def given_up(error: bounds.OutOfTime | bounds.OutOfMemory) -> Reply:
    """What comes of a query that took too long, or too much memory."""
    if isinstance(error, bounds.OutOfTime):
        return Reply(504, refusal("GatewayTimeout", "The query did not finish in time", {
            "code": "E_QUERY_TIMEOUT", "message": f"Query execution has exceeded the allowed limits ({error})"}))
    lack = f"Query execution lacks memory resources to complete (E_LOW_MEMORY_CONDITION): {error}"
    return Reply(200, json.dumps({"error": partial_error(lack)}).encode())


def _spelt(value: Any) -> Any:
    """A value, or the text of a number that JSON has none for."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def refusal(code: str, message: str, inner: dict[str, Any] | None = None) -> bytes:
    """The body of a no."""
    error: dict[str, Any] = {"message": message, "code": code, "correlationId": "00000000-0000-0000-0000-000000000000"}
    if inner is not None:
        error["innererror"] = inner
    return json.dumps({"error": error}).encode()


def bad_query(refused: QueryRefused) -> bytes:
    """The body of a 400 for a query that does not parse or names what is not there."""
    is_syntax = refused.code.startswith("SYN")
    return refusal("BadArgumentError", "The request had some invalid properties", {
        "code": "SyntaxError" if is_syntax else "SemanticError",
        "message": "A recognition error occurred in the query." if is_syntax else "A semantic error occurred.",
        "innererror": {"code": refused.code, "message": refused.message},
    })


def partial_error(reason: str) -> dict[str, Any]:
    """What stands beside the rows of a partial answer."""
    return {
        "code": "PartialError",
        "message": "There were some errors when processing your query.",
        "details": [{
            "code": "EngineError",
            "message": "Something went wrong processing your query on the server.",
            "innererror": {
                "code": "-2133196797", "message": reason, "severity": 2, "severityName": "Error"},
        }],
    }


def too_large(limit: int, unit: str) -> str:
    """The service's sentence for an answer cut at a limit of records or bytes."""
    return (f"The results of this query exceed the set limit of {limit} {unit}, so not all records were returned "
            f"({TOO_LARGE}, 0x80DA0003)")
