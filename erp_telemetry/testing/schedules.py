"""When which fault strikes."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass

from erp_telemetry.testing.faults import Fault

KINDS = ("plan", "count", "probe", "data")


@dataclass(slots=True)
class _Rule:
    fault: Fault
    at: frozenset[int] | None
    of: frozenset[str]
    left: int | None

    def strikes(self, number: int, kind: str) -> bool:
        return self.left != 0 and kind in self.of and (self.at is None or number in self.at)


class Schedule:
    """Faults with the requests they strike, in the order they were added."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()

    def add(
        self, fault: Fault, at: int | Collection[int] | None, of: str | Collection[str] | None, times: int | None
    ) -> None:
        """Let a fault strike the requests of these numbers and kinds, at most so many times."""
        kinds = frozenset(KINDS if of is None else (of,) if isinstance(of, str) else of)
        if unknown := sorted(kinds - set(KINDS)):
            raise ValueError(f"no kind of query: {', '.join(unknown)}; there are {', '.join(KINDS)}")
        numbers = None if at is None else frozenset((at,) if isinstance(at, int) else at)
        if numbers is not None and min(numbers, default=1) < 1:
            raise ValueError(f"requests are numbered from 1, not {min(numbers)}")
        if times is not None and times < 1:
            raise ValueError(f"a fault that strikes {times} times is none")
        with self._lock:
            self._rules.append(_Rule(fault, numbers, kinds, times))

    def clear(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._rules.clear()

    def strike(self, number: int, kind: str) -> list[Fault]:
        """The faults that strike a request; of those that answer instead of the query, the first one only."""
        struck: list[Fault] = []
        with self._lock:
            for rule in self._rules:
                is_late = rule.fault.instead is not None and any(fault.instead is not None for fault in struck)
                if rule.strikes(number, kind) and not is_late:
                    rule.left = None if rule.left is None else rule.left - 1
                    struck.append(rule.fault)
        return struck
