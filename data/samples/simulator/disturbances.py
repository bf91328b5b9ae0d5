"""The planted incidents: what each does to latency, errors, probes and saturation."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.plan import MINUTE, SERVICES, stamp

CASCADE = ("billing", "inventory", "orders", "purchasing", "sales")


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What happens to some services for a while."""

    incident: str
    services: tuple[str, ...]
    start: int
    end: int
    slow: float = 1.0
    fail: float = 0.0
    unready: tuple[int, int] | None = None
    database: bool = False


OPEN_END = stamp("2100-01-01T00:00")
LEAK_START, LEAK_END = stamp("2026-06-25T03:30"), stamp("2026-06-25T11:32")
CACHE_LOSS = stamp("2026-06-27T08:00"), stamp("2026-06-27T08:25")
EXHAUSTION = stamp("2026-07-01T14:06"), stamp("2026-07-01T14:20")

DISTURBANCES = (
    Disturbance("INC-1", ("billing",), stamp("2026-06-30T13:00"), stamp("2026-06-30T13:40"), slow=22),
    Disturbance("INC-2", ("orders",), stamp("2026-07-02T09:05"), stamp("2026-07-02T09:25"), fail=0.17),
    Disturbance(
        "INC-3",
        ("inventory",),
        LEAK_END,
        stamp("2026-06-25T11:39"),
        slow=4,
        fail=0.7,
        unready=(stamp("2026-06-25T11:33"), stamp("2026-06-25T11:37")),
    ),
    Disturbance(
        "INC-4",
        CASCADE,
        stamp("2026-07-01T14:10"),
        stamp("2026-07-01T14:19"),
        slow=9,
        fail=0.5,
        unready=(stamp("2026-07-01T14:12"), stamp("2026-07-01T14:17")),
        database=True,
    ),
    Disturbance("INC-5", ("auth",), *CACHE_LOSS, slow=7),
    Disturbance("INC-6", ("purchasing",), stamp("2026-07-05T18:30"), OPEN_END, slow=10),
)

_BY_SERVICE = {service: tuple(d for d in DISTURBANCES if service in d.services) for service in SERVICES}


def active(service: str, at: int) -> Disturbance | None:
    """The disturbance of this service at this moment, if any."""
    for found in _BY_SERVICE[service]:
        if found.start <= at < found.end:
            return found
    return None


def is_unready(service: str, at: int) -> bool:
    """Whether readiness probes of the service fail now because of an incident."""
    return any(d.unready and d.unready[0] <= at < d.unready[1] for d in _BY_SERVICE[service])


def memory(service: str, at: int, load: float) -> float:
    """Memory in use as a ratio of the limit, without noise."""
    if service == "inventory" and LEAK_START <= at < LEAK_END + 2 * MINUTE:
        return 0.34 + 0.62 * min(1.0, (at - LEAK_START) / (LEAK_END - LEAK_START))
    return 0.27 + 0.09 * load


def cpu(service: str, at: int, load: float) -> float:
    """CPU in use as a ratio of the limit, without noise."""
    found = active(service, at)
    extra = 0.45 if found and found.slow > 15 else 0.2 if found else 0.0
    return 0.06 + 0.2 * load + extra * (0.3 + load)


def sessions(at: int, load: float) -> float:
    """Database sessions in per cent of the limit, without noise."""
    if EXHAUSTION[0] <= at < EXHAUSTION[1]:
        return 98.5
    return 14 + 24 * load
