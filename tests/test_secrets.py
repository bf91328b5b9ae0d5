"""The secrets planted in the samples are in the store and reach nothing that is shown, unless asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import erp_telemetry as et
from erp_telemetry.cli import app

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples"
PLANTED: list[dict[str, Any]] = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))["secrets"]
# markup is planted too, but is no secret: it is escaped where it is shown
SECRETS = [one["value"].removeprefix("Bearer ") for one in PLANTED if one["kind"] != "html"]
FORTNIGHT = et.Window.parse("2026-06-22/2026-07-06")
SHOWN = ("requests", "dependencies", "logs", "alerts", "incidents", "changes")


def found(text: str) -> list[str]:
    """Which planted secrets stand in a text, also as JSON or HTML would write them."""
    forms = {secret: (secret, json.dumps(secret)[1:-1], secret.replace("&", "&amp;")) for secret in SECRETS}
    return [secret for secret, written in forms.items() if any(form in text for form in written)]


def whole(frame: Any) -> str:
    return str(frame.write_ndjson())


def test_they_are_in_the_store_and_come_when_asked_for(sample_store: et.Store) -> None:
    assert len(SECRETS) >= 5
    asked = sample_store.sql("select message, attributes, exception from logs", is_redacted=False)
    assert sorted(found(whole(asked))) == sorted(SECRETS)


@pytest.mark.parametrize("table", SHOWN)
def test_no_table_shows_them(sample_store: et.Store, table: str) -> None:
    assert found(whole(sample_store.sql(f"select * from {table}"))) == []


def test_marks_stand_where_they_stood(sample_store: et.Store) -> None:
    text = whole(sample_store.sql("select message, attributes from logs"))
    marked = text.count("[redacted: ")
    assert marked >= len(SECRETS)
    for kind in ("email", "card", "secret", "token"):
        assert f"[redacted: {kind}]" in text


def test_no_verb_shows_them(sample_store: et.Store) -> None:
    told = et.logs(sample_store, FORTNIGHT)
    frames = [told.volume, told.drift, told.templates, sample_store.rejects(), et.score(sample_store, FORTNIGHT),
              et.context(sample_store, FORTNIGHT).changes]
    assert found("".join(map(whole, frames)) + repr(et.incidents(sample_store, FORTNIGHT)) + repr(told)) == []


@pytest.mark.parametrize("suffix", [".html", ".md", ".json"])
def test_no_report_shows_them(sample_store: et.Store, tmp_path: Path, suffix: str) -> None:
    day = et.Window.parse("2026-06-24/2026-06-25")
    assert found(et.report(sample_store, day).save(tmp_path / f"r{suffix}").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("arguments", [
    ("logs", "--last", "14d"), ("logs", "--last", "14d", "--json"), ("incidents", "--last", "14d"),
    ("query", "errors_of_a_service", "--param", "service=orders", "--last", "14d"),
    ("query", "errors_of_a_service", "--param", "service=billing", "--last", "14d", "--json"),
    ("query", "loudest_templates", "--last", "14d"), ("score", "--last", "14d", "--json"),
])
def test_no_command_shows_them(sample_store: et.Store, arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*arguments, "--store", sample_store.path])
    assert done.exit_code == 0, done.output
    assert found(done.output) == []


def test_a_query_of_all_messages_shows_marks_and_the_text_only_when_asked(
    sample_store: et.Store, tmp_path: Path
) -> None:
    file = tmp_path / "all.sql"
    file.write_text("select message, attributes from logs", encoding="utf-8")
    shown = CliRunner().invoke(app, ["query", str(file), "--store", sample_store.path, "--json"])
    asked = CliRunner().invoke(app, ["query", str(file), "--store", sample_store.path, "--json", "--secrets"])
    assert (shown.exit_code, asked.exit_code) == (0, 0)
    assert found(shown.stdout) == [] and "redacted" in shown.stdout
    assert sorted(found(asked.stdout)) == sorted(SECRETS)


@pytest.mark.parametrize("service", ["team@erp.example.com", "token=missed", "token=error_ratio"])
def test_a_name_that_is_a_secret_keeps_its_numbers_and_hides_no_state(service: str, tmp_path: Path) -> None:
    start = datetime(2026, 7, 1, 8, tzinfo=UTC)
    hour = et.Window(start, start + timedelta(hours=1))
    rows = pl.DataFrame({
        "time": [start + timedelta(seconds=n) for n in range(500)], "service": [service] * 500,
        "duration_ms": [10.0] * 500, "is_failed": [True] * 500, "status_code": ["500"] * 500})
    store = et.Store()
    et.pull(et.Frames(requests=rows), store)
    card = et.score(store, hour).filter(pl.col("kpi") == "error_ratio")
    assert card["state"].to_list() == ["missed", "missed"] and card["value"].to_list() == [1.0, 1.0]
    assert "redacted" in card["service"][1]
    text = et.report(store, hour).save(tmp_path / "r.md").read_text(encoding="utf-8")
    assert service not in text and "missed: Error ratio 100 %" in text


def test_no_cause_beside_a_refused_statement_shows_what_the_message_hides(sample_store: et.Store) -> None:
    with pytest.raises(et.QueryError) as raised:
        sample_store.sql("select cast('Password=Winter2026!x' as integer)")
    shown = raised.value.__cause__ is not None or not raised.value.__suppress_context__
    assert not shown and "Winter2026" not in str(raised.value)
