"""One simulated span and how its ids are written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Span:
    """One handled request (server) or one outgoing call (client)."""

    trace: int
    number: int
    parent: int | None
    service: str
    is_server: bool
    template: str
    name: str
    start: int
    duration: int = 0
    status: str = ""
    is_failed: bool = False
    weight: int = 1
    population: str = "user"
    instance: str = ""
    kind: str = ""
    resource: str = ""
    statement: str = ""
    method: str = ""
    path: str = ""

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        return f"4e5250{self.trace:026x}"

    @property
    def span_id(self) -> str:
        """16 hex digits."""
        return span_id(self.trace, self.number)

    @property
    def parent_id(self) -> str | None:
        """16 hex digits, none for a root."""
        return None if self.parent is None else span_id(self.trace, self.parent)

    @property
    def end(self) -> int:
        """Where it ended."""
        return self.start + self.duration

    @property
    def counts_failed(self) -> bool:
        """Failed by the policy: 5xx is, 4xx is not, else what was reported."""
        if len(self.status) == 3 and self.status[0] in "45":
            return self.status[0] == "5"
        return self.is_failed


def span_id(trace: int, number: int) -> str:
    """16 hex digits, unique within the sample."""
    return f"a{trace:011x}{number:04x}"
