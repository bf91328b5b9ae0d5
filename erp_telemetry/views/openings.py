"""Openings: the sentences a review begins with: what was missed, what broke, what to look at, how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from erp_telemetry.quantities import readable
from erp_telemetry.views.theme import KPI_NAMES

_NAMED = 4
_SILENT_MINUTES = 15


def opening(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """What there is to say first, in order: ``about`` (objectives, incidents, health, telemetry) and ``text``."""
    return [
        {"about": "objectives", "text": _objectives(facts["headline"])},
        {"about": "incidents", "text": _incidents(facts["incidents"])},
        {"about": "health", "text": _health(facts)},
        {"about": "telemetry", "text": _telemetry(facts["quality"])},
    ]


def _objectives(rows: Sequence[Mapping[str, Any]]) -> str:
    by_state = {state: [row for row in rows if row["state"] == state]
                for state in ("missed", "met", "insufficient", "no_data")}
    parts = [f"Of {len(rows)} objectives of the whole system {len(by_state['met'])} are met"]
    if by_state["missed"]:
        parts.append("missed: " + ", ".join(
            f"{KPI_NAMES[row['kpi']]} {readable(row['value'], row['unit'])} "
            f"(objective {readable(row['target'], row['unit'])})" for row in by_state["missed"]))
    if by_state["insufficient"]:
        parts.append("not provable either way: " + _names(by_state["insufficient"]))
    if by_state["no_data"]:
        parts.append("no data: " + _names(by_state["no_data"]))
    return "; ".join(parts) + "."


def _names(rows: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(KPI_NAMES[row["kpi"]] for row in rows)


def _incidents(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "No incident is on record in this window."
    still = [row for row in rows if row["is_open"]]
    words = [f"{len(rows)} incident{'s are' if len(rows) > 1 else ' is'} on record"]
    for impact, plural in (("outage", "outages"), ("partial", "partial outages"), ("degraded", "degraded")):
        titles = [f"{row['title']}, {row['impact_start']:%-d %B}" for row in rows if row["impact"] == impact]
        if titles:
            more = f"; {len(titles) - _NAMED} more" if len(titles) > _NAMED else ""
            words.append(f"{len(titles)} {plural if len(titles) > 1 else plural.removesuffix('s')} "
                         f"({'; '.join(titles[:_NAMED])}{more})")
    if still:
        words.append(f"still open: {'; '.join(row['title'] for row in still[:_NAMED])}")
    return ": ".join(filter(None, (words[0], ", ".join(words[1:])))) + "."


def _health(facts: Mapping[str, Any]) -> str:
    runs, strips, left_out = facts["departures"], facts["strips"], facts["departures_left_out"]
    critical = [run for run in runs if run["state"] == "critical"]
    silent = [strip["service"] for strip in strips if set(strip["shares"]) == {"unknown"}]
    if not strips or len(silent) == len(strips):
        return "Nothing was seen that a health band could be told from."
    if not critical:
        text = "No health band was surely critical"
        text += f"; {len(runs) + left_out} times one was in warning" if runs else ""
    else:
        text = f"Critical longest, in steps of {facts['every']}: " + "; ".join(
            f"{run['service']} {KPI_NAMES.get(run['kpi'], run['kpi']).lower()} from {_moment(run['start'])} for "
            f"{readable((run['stop'] - run['start']).total_seconds(), 's')}" for run in critical[:_NAMED])
    return text + (f"; nothing is known of {', '.join(silent[:_NAMED])}" if silent else "") + "."


def _telemetry(found: Mapping[str, Any]) -> str:
    silent = [row for row in found["coverage"] if row["longest_silence"] > _SILENT_MINUTES]
    if not found["coverage"]:
        return "No service was ever heard of."
    text = (f"Silent for more than {_SILENT_MINUTES} minutes: " + ", ".join(
        f"{row['service']} ({readable(row['longest_silence'] * 60.0, 's')})" for row in silent[:_NAMED])
        + (f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else "")
        if silent else f"None of {len(found['coverage'])} services was silent for more than {_SILENT_MINUTES} minutes")
    lacked = found["lacked"]
    if lacked["spans"]:
        spans = f", and those of {lacked['uncounted']:,} spans not counted" if lacked["uncounted"] else ""
        text = (f"{lacked['rows']:,} rows of this window are known to be missing{spans}: all figures stand on the "
                f"rest. {text}")
    counts = [f"{found['rejected']:,} lines set aside", f"{found['duplicates']:,} duplicates dropped",
              f"{found['late']:,} rows late"]
    if found["implausible"]:
        counts.append(f"implausible weights in {found['implausible']} place{'s' * (found['implausible'] > 1)}")
    skewed = len(found["clock_skew"])
    counts.append(f"{skewed} pairs of clocks apart" if skewed else "no clocks seen apart"
                  if found["calls_compared"] else "clocks could not be compared")
    return f"{text}; {', '.join(counts)}."


def _moment(value: datetime) -> str:
    return f"{value:%-d %B %H:%M}"
