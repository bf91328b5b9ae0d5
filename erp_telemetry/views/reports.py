"""Reports: a window written down: scorecard, incidents, data quality, charts; two runs are byte-equal."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jinja2
import polars as pl

from erp_telemetry.incidents import Incident, incidents
from erp_telemetry.measures import measure
from erp_telemetry.objectives import Objectives
from erp_telemetry.scorecards import score
from erp_telemetry.store import Store
from erp_telemetry.views.charts import chart
from erp_telemetry.views.theme import DASH, STATE_COLOURS, readable
from erp_telemetry.window import Window

CHARTED = ("error_ratio", "latency_p99")
SHOWN_REJECTS = 50
WHOLE = "whole system"
_TEMPLATES = Path(__file__).with_name("templates")
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Report:
    """A window of a store, ready to be written as HTML, Markdown or JSON."""

    facts: Mapping[str, Any]
    charts: tuple[tuple[str, str], ...] = field(repr=False)

    def save(self, path: str | Path) -> Path:
        """Write the report; the suffix decides how.

        Raises:
            ValueError: a suffix other than .html, .md, .json.
        """
        target = Path(path)
        match target.suffix.lower():
            case ".html":
                text = self._rendered("report.html")
            case ".md":
                text = self._rendered("report.md")
            case ".json":
                text = json.dumps(self.facts, indent=2, ensure_ascii=False, default=_plain, allow_nan=False) + "\n"
            case other:
                raise ValueError(f"a report is written as .html, .md or .json, not {other or 'without a suffix'!r}")
        target.write_text(text, encoding="utf-8", newline="\n")
        return target

    def _rendered(self, template: str) -> str:
        is_html = template.endswith(".html")
        rooms = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=is_html, trim_blocks=True, lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        rooms.filters.update(number=readable, moment=_moment, span=_span, clean=_clean, cell=_cell)
        return rooms.get_template(template).render(
            **self.facts, charts=self.charts, colours=STATE_COLOURS, dash=DASH, whole=WHOLE)


def report(store: Store, window: Window, *, objectives: Objectives | None = None) -> Report:
    """Write down a window: every KPI beside its objective, incidents, data quality, two charts.

    The time stamp is the store's watermark, never the clock. Charts need ``vl-convert-python``;
    without it the report says that they are left out.
    """
    facts = {
        "window": {"start": window.start, "stop": window.stop},
        "watermark": store.watermark,
        "scorecard": score(store, window, objectives).to_dicts(),
        "incidents": [_incident(found) for found in incidents(store, window)],
        "quality": _quality(store),
    }
    return Report(facts, _charts(store, window))


def _incident(found: Incident) -> dict[str, Any]:
    return {
        **{name: getattr(found, name) for name in (
            "id", "title", "severity", "status", "critical_issue", "impact", "services", "impact_start", "detected",
            "impact_end", "restored", "cause")},
        "is_open": found.is_open,
        "time_to_detect_s": _seconds(found.time_to_detect), "time_to_repair_s": _seconds(found.time_to_repair),
    }


def _quality(store: Store) -> dict[str, Any]:
    """What was kept, set aside, doubled and late over the whole store, not the window alone."""
    ledger, rejects = store.ledger(), store.rejects()
    kept: Counter[str] = Counter()
    for counts in ledger["row_counts"].to_list():
        kept.update(json.loads(counts))
    totals = {name: int(ledger[name].sum() or 0) for name in ("duplicates", "late", "unprovable", "rejected")}
    reasons = rejects.group_by("reason").len("lines").sort(["lines", "reason"], descending=[True, False])
    return {
        "slices": ledger.height, "rows": dict(sorted(kept.items())), **totals,
        "reasons": reasons.to_dicts(),
        # how a line begins may be a secret: it stays in the store
        "set_aside": rejects.sort(pl.all()).head(SHOWN_REJECTS).select("file", "line", "reason").to_dicts(),
    }


def _charts(store: Store, window: Window) -> tuple[tuple[str, str], ...]:
    try:
        import vl_convert
    except ImportError:
        return ()
    # a gap of one step shows at once in hours, and a window of an hour still has a line
    hour, every = timedelta(hours=1), "1h" if window.duration > timedelta(hours=6) else "5m"
    start = window.start.replace(minute=0, second=0, microsecond=0)
    stop = window.stop.replace(minute=0, second=0, microsecond=0)
    whole = Window(start, stop if stop == window.stop else stop + hour)
    drawn = []
    for name in CHARTED:
        readings = measure(store, name, whole, every=every)
        # the renderer cannot draw control characters, which XML does not know
        readings = readings.with_columns(pl.col("service").map_elements(_clean, pl.String))
        if readings["value"].is_not_null().any():
            drawn.append((name, _svg(vl_convert.vegalite_to_svg(chart(readings).to_json()), name)))
    return tuple(drawn)


def _svg(text: str, name: str) -> str:
    """Number ids from 0 again: Vega counts on over the life of the process, and two charts share a page."""
    seen: dict[str, str] = {}
    for found in re.findall(r'\bid="([^"]+)"', text):
        seen.setdefault(found, f"{name}-{len(seen)}")
    for old, new in seen.items():
        text = re.sub(rf'(id="|url\(#|href="#){re.escape(old)}(?=["\)])', rf"\g<1>{new}", text)
    return text


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a report")


def _moment(value: datetime | None) -> str:
    return DASH if value is None else f"{value:%Y-%m-%d %H:%M} UTC"


def _span(low: float | None, high: float | None, unit: str) -> str:
    return DASH if low is None or high is None else f"{readable(low, unit)} to {readable(high, unit)}"


def _clean(value: object) -> str:
    return _CONTROL.sub("", str(value))


def _cell(value: object) -> str:
    """Untrusted text in a Markdown table: one line, nothing that opens markup."""
    flat = " ".join(_clean(value).split())
    return re.sub(r"([\\`*_{}\[\]<>()#|!~&])", r"\\\1", flat)
