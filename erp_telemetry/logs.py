"""Logs: how much each service writes, whether it became louder, what it writes most, what keeping less would save."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from erp_telemetry import catalog
from erp_telemetry.analyses.intervals import rate_ratio
from erp_telemetry.errors import QueryError, nearest
from erp_telemetry.redactions import redact, redact_keys
from erp_telemetry.store import Store, answers
from erp_telemetry.window import Window

MATERIAL = 1.25
"""A quarter more or less is worth a look; smaller drifts are called steady."""
_KNOWN = 0.5
"""Before counts where a service was heard for at least half of the minutes it was heard of now."""
STAYS = {
    "requests": "rates, error ratios, Apdex, means, percentiles of 5 minutes and more; operations by the hour",
    "dependencies": "rates, error ratios, percentiles of 5 minutes and more",
    "logs": "counts and bytes by minute, service and level",
    "metrics": "count, sum, least, greatest and last of each minute",
    "probes": "counts and failures of each minute",
}
GOES = {
    "requests": "single requests and traces, exact percentiles, percentiles by operation",
    "dependencies": "single calls and traces, exact percentiles",
    "logs": "messages, templates, exceptions, traces",
    "metrics": "single points, histograms, dimensions",
    "probes": "single answers",
}
_BEFORE, _HALF = "before", "first half"


@dataclass(frozen=True, slots=True)
class LogAnalysis:
    """What services wrote in a window.

    - ``volume``: ``service, level, count`` (weighted events), ``rows, bytes`` (of text),
      ``share`` (of all bytes, 0..1), ``per_hour``. From rollups.
    - ``drift``: ``service, level, against`` (the same span ``before``, or, where nothing of the service
      is known from then, the ``first half`` of the window against its second), ``count, count_before,
      per`` (``1,000 requests`` or ``hour heard``), ``rate, rate_before, ratio, ratio_low, ratio_high``
      (95 %), ``state``: louder, quieter, steady, insufficient, no_data. From rollups.
    - ``templates``: ``service, level, template`` (null: the log brings none), ``count, share`` (of
      events), ``rows, bytes, first_time, last_time, example`` (redacted). From raw rows.
    - ``retention``: ``table_name, keep_days, rows, dropped_rows, share, file_bytes`` (estimate of what the
      file would have free for new rows; null for a store in memory), ``stays, goes``.

    ``raw_since`` is the moment before which raw log rows were pruned: templates speak of later rows only.
    """

    window: Window
    volume: pl.DataFrame
    drift: pl.DataFrame
    templates: pl.DataFrame
    retention: pl.DataFrame
    raw_since: datetime | None


def logs(
    store: Store, window: Window, *, service: str | None = None, is_redacted: bool = True
) -> LogAnalysis:
    """Analyse the logs of a window, of one service where asked; see :class:`LogAnalysis`.

    Secrets in templates and examples are replaced by marks unless ``is_redacted`` is false.

    Raises:
        QueryError: no logs were ever kept of the service.
    """
    with store.reading() as connection:
        if service is not None:
            _check_service(connection, service)
        seen = _counts(connection, window, service)
        return LogAnalysis(
            window=window,
            volume=_keyed(_volume(seen, window), is_redacted),
            drift=_keyed(_drift(connection, window, service), is_redacted),
            templates=_templates(connection, window, service, is_redacted),
            retention=_retention(connection),
            raw_since=answers.value(connection, "select max(before) from sealed where table_name = 'logs'"),
        )


def _keyed(frame: pl.DataFrame, is_redacted: bool) -> pl.DataFrame:
    return redact_keys(frame, ("service",)) if is_redacted else frame


def _check_service(connection: answers.Connection, service: str) -> None:
    known = [name for (name,) in answers.rows(connection, "select distinct service from log_minutes") if name]
    if service not in known:
        raise QueryError(f"no logs of {service!r}. {redact(nearest(service, known)).value}")


def _counts(connection: answers.Connection, window: Window, service: str | None) -> pl.DataFrame:
    statement = catalog.query("logs/volume").bind(start=window.start, stop=window.stop, service=service)
    return answers.frame(connection, statement.sql, statement.parameters)


def _volume(seen: pl.DataFrame, window: Window) -> pl.DataFrame:
    hours = window.duration.total_seconds() / 3600
    return seen.drop("weight_squares").with_columns(
        (pl.col("bytes") / pl.col("bytes").sum()).fill_nan(None).alias("share"),
        (pl.col("count") / hours).alias("per_hour"),
    )


def _drift(connection: answers.Connection, window: Window, service: str | None) -> pl.DataFrame:
    first, second = window.split(2)
    before = Window(window.start - window.duration, window.start)
    told = _compared(connection, before, window, service).with_columns(pl.lit(_BEFORE).alias("against"))
    halves = _compared(connection, first, second, service).with_columns(pl.lit(_HALF).alias("against"))
    # a service that was hardly heard of before the window is held against itself
    known = told.filter(pl.col("minutes_before") >= _KNOWN * pl.col("minutes"))
    both = pl.concat([known, halves.join(known, on="service", how="anti", nulls_equal=True)])
    by_requests = (pl.col("requests") > 0) & (pl.col("requests_before") > 0)

    def exposure(suffix: str) -> pl.Expr:
        return pl.when(by_requests).then(pl.col(f"requests{suffix}") / 1000).otherwise(pl.col(f"minutes{suffix}") / 60)

    ratio, low, high = rate_ratio(
        pl.col("count"), exposure(""), pl.col("weight_squares"), pl.col("count_before"), exposure("_before"),
        pl.col("weight_squares_before"))
    return both.with_columns(
        pl.when(by_requests).then(pl.lit("1,000 requests")).otherwise(pl.lit("hour heard")).alias("per"),
        (pl.col("count") / exposure("")).alias("rate"), (pl.col("count_before") / exposure("_before"))
        .alias("rate_before"), ratio.alias("ratio"), low.alias("ratio_low"), high.alias("ratio_high"),
    ).with_columns(_loudness().alias("state")).select(
        "service", "level", "against", "count", "count_before", "per", "rate", "rate_before", "ratio", "ratio_low",
        "ratio_high", "state",
    ).sort("service", "level", nulls_last=True)


def _compared(connection: answers.Connection, before: Window, now: Window, service: str | None) -> pl.DataFrame:
    """Counts and exposures of two spans side by side, for every service and level seen in either."""
    sides = []
    for span, suffix in ((now, ""), (before, "_before")):
        statement = catalog.query("logs/exposure").bind(start=span.start, stop=span.stop, service=service)
        heard = answers.frame(connection, statement.sql, statement.parameters)
        seen = _counts(connection, span, service).select("service", "level", "count", "weight_squares")
        sides.append((seen.rename({name: name + suffix for name in ("count", "weight_squares")}),
                      heard.rename({name: name + suffix for name in ("minutes", "requests")})))
    (seen, heard), (seen_before, heard_before) = sides
    keys = pl.concat([seen.select("service", "level"), seen_before.select("service", "level")]).unique()
    for other, on in ((seen, ["service", "level"]), (seen_before, ["service", "level"]), (heard, ["service"]),
                      (heard_before, ["service"])):
        keys = keys.join(other, on=on, how="left", nulls_equal=True)
    return keys.with_columns(pl.exclude("service", "level").fill_null(0.0))


def _loudness() -> pl.Expr:
    """A state only where the interval carries it; silence of telemetry is never quiet."""
    return (
        pl.when((pl.col("rate_before").is_nan() | pl.col("rate").is_nan()).fill_null(True)).then(pl.lit("no_data"))
        .when((pl.col("ratio_low") > 1) & (pl.col("ratio") >= MATERIAL)).then(pl.lit("louder"))
        # what was never written before has no ratio, but its interval has a lower end
        .when(pl.col("ratio").is_null() & (pl.col("ratio_low") >= MATERIAL)).then(pl.lit("louder"))
        .when((pl.col("ratio_high") < 1) & (pl.col("ratio") <= 1 / MATERIAL)).then(pl.lit("quieter"))
        .when((pl.col("ratio_low") >= 1 / MATERIAL) & (pl.col("ratio_high") <= MATERIAL)).then(pl.lit("steady"))
        .otherwise(pl.lit("insufficient")))


def _templates(
    connection: answers.Connection, window: Window, service: str | None, is_redacted: bool
) -> pl.DataFrame:
    statement = catalog.query("logs/templates").bind(start=window.start, stop=window.stop, service=service)
    found = answers.frame(connection, statement.sql, statement.parameters)
    share = (pl.col("count") / pl.col("count").sum()).fill_nan(None).alias("share")
    shared = found.with_columns(share)
    return (redact(shared).value if is_redacted else shared).select(
        "service", "level", "template", "count", "share", "rows", "bytes", "first_time", "last_time", "example")


def _retention(connection: answers.Connection) -> pl.DataFrame:
    until = answers.value(connection, "select max(time) from watermarks")
    statement = catalog.query("logs/retention").bind(watermark=until)
    found = answers.frame(connection, statement.sql, statement.parameters)
    block = answers.value(
        connection, "select block_size from pragma_database_size() where database_name = current_database()")
    share = pl.col("dropped_rows") / pl.col("rows")
    return found.with_columns(
        share.alias("share"),
        (share * pl.col("blocks") * block).alias("file_bytes"),
        pl.col("table_name").replace_strict(STAYS).alias("stays"),
        pl.col("table_name").replace_strict(GOES).alias("goes"),
    ).drop("blocks")
