"""How busy the ERP is: office hours in Amsterdam, quiet weekends, a heavy end of the month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from simulator.disturbances import DISTURBANCES
from simulator.plan import HOUR, SECOND, SHARES

_ZONE = ZoneInfo("Europe/Amsterdam")
_HOURS = (12, 10, 8, 8, 10, 22, 60, 170, 420, 590, 640, 620, 480, 560, 630, 600, 500, 300, 150, 90, 60, 40, 26, 16)


@lru_cache(maxsize=4096)
def _local(hour: int) -> datetime:
    return datetime.fromtimestamp(hour // SECOND, UTC).astimezone(_ZONE)


def is_month_end(at: int) -> bool:
    """Whether the local day is the last of its month."""
    local = _local(at - at % HOUR)
    return (local + timedelta(days=1)).day == 1


def level(at: int) -> float:
    """Traces per hour at traffic 1."""
    local = _local(at - at % HOUR)
    weekend = 0.12 if local.weekday() >= 5 else 1.0
    return _HOURS[local.hour] * weekend * (1.35 if is_month_end(at) else 1.0)


def load(at: int) -> float:
    """Load between 0 and about 1, flowing from one hour into the next."""
    part = at % HOUR / HOUR
    return (level(at) * (1 - part) + level(at + HOUR) * part) / 700


def is_batch_hour(hour: int) -> bool:
    """Whether the weekly batch runs: Sunday from 22:00 UTC."""
    moment = datetime.fromtimestamp(hour // SECOND, UTC)
    return moment.weekday() == 6 and moment.hour >= 22


def weight(at: int) -> int:
    """One of how many traces is kept in this hour: all of them while something is badly wrong."""
    busy = level(at)
    if any(d.start < at + HOUR and at < d.end and (d.fail or d.slow > 15) for d in DISTURBANCES):
        return 1
    return 4 if busy >= 280 else 2 if busy >= 70 else 1


def shares(at: int) -> dict[str, float]:
    """Which service users want: billing and sales more at the end of the month."""
    if not is_month_end(at):
        return SHARES
    return SHARES | {"billing": SHARES["billing"] * 2.2, "sales": SHARES["sales"] * 1.5}
