"""status: are all services healthy?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import erp_telemetry as et
from erp_telemetry.cli import screens
from erp_telemetry.cli.arguments import JsonOption, StoreOption, existing
from erp_telemetry.cli.trends import trends

# older than the slowest ordinary arrival of logs, the last minutes say nothing of now
_STALE = timedelta(minutes=30)
# one bar of a trend is the 5 minutes that percentiles are kept by
_BAR = timedelta(minutes=5)
_ANSWERS = {"normal": "yes", "unknown": "not known of all", "warning": "no: look", "critical": "no: act"}


def status(store: StoreOption = Path("erp.duckdb"), as_json: JsonOption = False) -> None:
    """Are all services healthy? Bands and open incidents over the last 15 minutes of telemetry.

    The trend leads up to them: one bar for 5 minutes.

    Example: `erp-telemetry status --store erp.duckdb`
    """
    held = existing(store)
    until = held.last(hours=0.25).stop
    # percentiles are kept by 5 minutes
    until -= timedelta(minutes=until.minute % 5)
    asked = et.Window.last(hours=0.25, until=until)
    rows = [row for row in et.score(held, asked).to_dicts() if row["kpi"].endswith("_band")]
    if as_json:
        screens.print_json(rows)
        return
    # what was told since the last whole 5 minutes is open too
    still = [one for one in et.incidents(held, et.Window(asked.start, held.last(hours=1).stop)) if one.is_open]
    watermark = held.watermark or until
    age = datetime.now(UTC) - watermark
    answer = _ANSWERS[_worst(rows, is_any_open=bool(still))]
    if age > _STALE:
        answer = f"not known now; as of {until:%Y-%m-%d %H:%M} UTC: {answer}"
    screens.say(f"All services healthy? [bold]{answer}[/]")
    screens.say(f"last telemetry {watermark:%Y-%m-%d %H:%M:%S} UTC, "
                f"{et.readable(age.total_seconds(), 's')} ago; window {asked}")
    before = et.Window(until - screens.bars() * _BAR, until)
    lead = trends(held, before, None, list(dict.fromkeys(row["service"] for row in rows)), screens.bars())
    screens.print_health(rows, lead, f"trend, {et.readable(before.duration.total_seconds(), 's')}")
    if still:
        screens.print_incidents(still, "Open incidents")
    else:
        screens.say("no open incident on record")


def _worst(rows: Sequence[Mapping[str, Any]], *, is_any_open: bool) -> str:
    words = [row["state"] for row in rows if row["service"] is not None]
    worst = next((word for word in ("critical", "warning", "unknown", "normal") if word in words), "unknown")
    return "warning" if worst == "normal" and is_any_open else worst
