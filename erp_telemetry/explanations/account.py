"""Accounts: what is told of a number: what came out, what it is made of, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from erp_telemetry.catalog import Statement
from erp_telemetry.window import Window


@dataclass(frozen=True, slots=True)
class Part:
    """An incident, a run of minutes or a drill that a KPI counts or leaves out; ``why`` says what it is or why not."""

    what: str
    start: datetime
    stop: datetime | None
    seconds: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """The objective beside a row of a scorecard: target, where it is written, the state and how it came about."""

    target: float
    origin: str
    state: str
    rule: str


@dataclass(frozen=True, slots=True)
class Account:
    """Everything that is told of one number; :class:`Explanation` says what each part is."""

    name: str
    title: str
    unit: str
    key: Mapping[str, str | None]
    window: Window
    value: float | None
    low: float | None
    high: float | None
    interval: str
    n: float | None
    n_of: str
    effective_n: float | None
    rows: int | None
    excluded: Mapping[str, float]
    is_supported: bool | None
    coverage: float
    is_provisional: bool
    watermark: datetime | None
    entries: tuple[int, ...]
    late: int
    dropped: Mapping[str, datetime]
    definition: Mapping[str, str]
    inputs: Mapping[str, Statement]
    then: tuple[str, ...]
    hashes: Mapping[str, str]
    wanted: Wanted | None = None
    counted: tuple[Part, ...] = ()
    left_out: tuple[Part, ...] = ()
