"""Reports: a window written down as one page, Markdown or JSON; two runs are byte-equal."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2

from erp_telemetry.objectives import Objectives
from erp_telemetry.quantities import DASH, clean, readable
from erp_telemetry.store import Store
from erp_telemetry.views.reviews import review
from erp_telemetry.views.theme import KPI_NAMES, STATE_COLOURS
from erp_telemetry.window import Window

WHOLE = "whole system"
_TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True)
class Report:
    """A window of a store, ready to be written as HTML, Markdown or JSON.

    ``facts`` is what it says, as plain values; ``drawings`` its charts as SVG by their key.
    """

    facts: Mapping[str, Any]
    drawings: Mapping[str, str] = field(repr=False)

    def save(self, path: str | Path) -> Path:
        """Write the report; the suffix decides how.

        Raises:
            ValueError: a suffix other than .html, .md, .json.
        """
        target = Path(path)
        match target.suffix.lower():
            case ".html":
                text = self._rendered("review.html")
            case ".md":
                text = self._rendered("review.md")
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
        rooms.filters.update(number=readable, moment=_moment, day=_day, span=_span, share=_share, word=_word,
                             clean=clean, cell=_cell)
        return rooms.get_template(template).render(
            **self.facts, drawings=self.drawings, colours=STATE_COLOURS, names=KPI_NAMES, dash=DASH, whole=WHOLE)


def report(store: Store, window: Window, *, objectives: Objectives | None = None) -> Report:
    """Write down a window as an operations review.

    It says in order: what was missed and what broke, incidents, health over time, charts of each
    service with incidents and changes behind, every KPI beside its objective, changes, logs, how far
    the telemetry can be trusted, and how each number came about. The time stamp is the store's
    watermark, never the clock. Charts need ``vl-convert-python``; without it their numbers stand alone.

    Raises:
        QueryError: the window is not whole minutes.
    """
    wanted = Objectives.wanted(objectives)
    with store.reading():
        return Report(*review(store, window, wanted))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a report")


def _moment(value: datetime | None) -> str:
    return DASH if value is None else f"{value:%Y-%m-%d %H:%M} UTC"


def _day(value: datetime | None) -> str:
    """A moment without its year, which the head of the page tells."""
    return DASH if value is None else f"{value:%-d %b %H:%M}"


def _share(value: float) -> str:
    """A share of time in whole percent; nearly all is not all."""
    if 0 < value < 0.005 or 0.995 <= value < 1:
        return "< 1 %" if value < 0.5 else "> 99 %"
    return f"{value * 100:.0f} %"


def _word(value: str) -> str:
    """A name of the schema as words: ``no_data`` is no data."""
    return value.replace("_", " ")


def _span(low: float | None, high: float | None, unit: str) -> str:
    if low is None or high is None:
        return DASH
    return readable(low, unit) if low == high else f"{readable(low, unit)} to {readable(high, unit)}"


def _cell(value: object) -> str:
    """Untrusted text in a Markdown table: one line, nothing that opens markup."""
    flat = " ".join(clean(value).split())
    return re.sub(r"([\\`*_{}\[\]<>()#|!~&])", r"\\\1", flat)
