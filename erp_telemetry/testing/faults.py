"""Every way the service, or what stands between, can answer other than it should.

Each function makes one fault; ``LoopbackAzure.misbehave`` says when it strikes.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Literal

from erp_telemetry.testing.answers import TOO_LARGE, Reply, partial_error, refusal, table, too_large
from erp_telemetry.testing.workspaces import Answer

Tells = Literal["partial", "error", "nothing"]
_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to the network</body></html>"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave: instead of asking, on the answer, or on the reply.

    ``instead`` answers without running the query. ``limit`` makes the reply of an answer, or leaves it
    (``None``). ``bend`` changes a reply that is ready.
    """

    name: str
    instead: Reply | None = None
    limit: Callable[[Answer], Reply | None] | None = None
    bend: Callable[[Reply], Reply] | None = None


def throttled(retry_after: float | datetime | None = None) -> Fault:
    """429, with ``Retry-After`` in seconds or as a date, or without it."""
    headers = {}
    if isinstance(retry_after, datetime):
        headers["Retry-After"] = format_datetime(retry_after.astimezone(UTC), usegmt=True)
    elif retry_after is not None:
        headers["Retry-After"] = f"{retry_after:g}"
    body = refusal("ThrottledError", "Rate limit is exceeded")
    return Fault("throttled", instead=Reply(429, body, headers))


def failing(status: int, code: str = "ServiceError", message: str = "The service failed") -> Fault:
    """Any status, such as 500 or 503, with the service's JSON; 502 comes from a gateway, as HTML."""
    reply = Reply(502, _PAGE, kind="text/html") if status == 502 else Reply(status, refusal(code, message))
    return Fault(f"failing {status}", instead=reply)


def timed_out(rows: int | None = None) -> Fault:
    """504, the query took too long: always, or wherever the answer has more than ``rows`` rows."""
    body = refusal("GatewayTimeout", "The query did not finish in time", {
        "code": "E_QUERY_TIMEOUT", "message": "Query execution has exceeded the allowed limits (80DA0007)"})
    if rows is None:
        return Fault("timed out", instead=Reply(504, body))
    return Fault("timed out", limit=lambda answer: Reply(504, body) if len(answer.rows) > rows else None)


def row_cap(rows: int, tells: Tells = "partial") -> Fault:
    """At most so many rows in an answer; the rest is told of as a partial answer, as an error, or not at all."""
    def limit(answer: Answer) -> Reply | None:
        return _capped(answer, rows, too_large(rows, "records"), tells) if len(answer.rows) > rows else None

    return Fault("row cap", limit=limit)


def byte_cap(size: int, tells: Tells = "partial") -> Fault:
    """At most so many bytes of rows in an answer, told of as by ``row_cap``."""
    def limit(answer: Answer) -> Reply | None:
        taken = 0
        for kept, row in enumerate(answer.rows):
            taken += len(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()) + 1
            if taken > size:
                return _capped(answer, kept, too_large(size, "bytes"), tells)
        return None

    return Fault("byte cap", limit=limit)


def partial(share: float = 0.5) -> Fault:
    """200 with this share of the rows and an error beside them: the engine failed on the way."""
    def limit(answer: Answer) -> Reply:
        kept = Answer(answer.columns, answer.rows[:int(len(answer.rows) * share)])
        return Reply(200, table(kept, partial_error("Request is invalid and cannot be processed (E_LOW_MEMORY)")))

    return Fault("partial", limit=limit)


def error_only() -> Fault:
    """200 with an error and no tables."""
    body = json.dumps({"error": partial_error("Query execution has exceeded the allowed limits (E_RUNAWAY_QUERY)")})
    return Fault("error only", instead=Reply(200, body.encode()))


def truncated(share: float = 0.5) -> Fault:
    """A body that ends early although its length was told, with a farewell as if that was all."""
    return Fault("truncated", bend=lambda reply: replace(reply, sent=int(len(reply.body) * share)))


def cut(share: float = 0.5) -> Fault:
    """A body whose length is right and whose JSON stops in the middle."""
    return Fault("cut", bend=lambda reply: replace(reply, body=reply.body[:int(len(reply.body) * share)]))


def dropped(share: float | None = None) -> Fault:
    """The connection is reset: before a word, or after this share of the body."""
    def bend(reply: Reply) -> Reply:
        return replace(reply, sent=-1 if share is None else int(len(reply.body) * share), is_reset=True)

    return Fault("dropped", bend=bend)


def no_content() -> Fault:
    """204, as for a workspace that never had data."""
    return Fault("no content", instead=Reply(204))


def empty() -> Fault:
    """200 with a body of no bytes."""
    return Fault("empty", instead=Reply(200))


def html() -> Fault:
    """200 with a page, as from a proxy that wants a sign-in."""
    return Fault("html", instead=Reply(200, _PAGE, kind="text/html; charset=utf-8"))


def slow(seconds: float) -> Fault:
    """The right answer, so many seconds later."""
    return Fault("slow", bend=lambda reply: replace(reply, wait=reply.wait + seconds))


def compressed() -> Fault:
    """The right answer in gzip: its length is not that of the body that is read."""
    def bend(reply: Reply) -> Reply:
        return replace(reply, body=gzip.compress(reply.body), headers={**reply.headers, "Content-Encoding": "gzip"})

    return Fault("compressed", bend=bend)


def chunked() -> Fault:
    """The right answer without telling its length beforehand."""
    return Fault("chunked", bend=lambda reply: replace(reply, is_chunked=True))


def _capped(answer: Answer, kept: int, reason: str, tells: Tells) -> Reply:
    if tells == "error":
        return Reply(413, refusal("ResponseSizeError", "Response size too large", {
            "code": TOO_LARGE, "message": reason}))
    some = Answer(answer.columns, answer.rows[:kept])
    return Reply(200, table(some, partial_error(reason) if tells == "partial" else None))
