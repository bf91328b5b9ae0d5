"""Each tool's export becomes what docs/incidents.md says; what is not told stays null; what is set aside is named."""

from __future__ import annotations

import itertools
import json
import math
import statistics
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import erp_telemetry as et
from erp_telemetry.errors import SourceError
from erp_telemetry.sources.incident_tools import TOOLS
from tests.sources.support import only, read, write

FIXTURES = Path(__file__).parent / "fixtures" / "incidents"
GCP = Path(__file__).resolve().parents[3] / "shared" / "data" / "incidents" / "gcp_incidents_2021H2.json"
DAY = "2026-07-01"


def at(clock: str, day: str = DAY) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}+00:00")


def told(source: et.IncidentFiles, table: str = "incidents") -> dict[str, dict[str, Any]]:
    """Rows by id without what is null."""
    rows = read(source).get(table, pl.DataFrame()).to_dicts()
    return {row["id"]: {name: value for name, value in row.items() if value is not None and name != "line"}
            for row in rows}


def reasons(source: et.IncidentFiles) -> list[tuple[int | None, str]]:
    batch = source.read(only(source))
    batch.close()
    return [(one.line, one.reason) for one in batch.rejects]


def test_pagerduty_answers() -> None:
    source = et.IncidentFiles(FIXTURES / "pagerduty.json")
    found = told(source)
    assert found["pagerduty:Q1XM2EX0RDRS01"] == {
        "id": "pagerduty:Q1XM2EX0RDRS01", "title": "Orders answer 500", "severity": "critical", "status": "resolved",
        "services": ["orders", "sales"], "impact_start": at("14:11:30"), "is_start_estimated": True,
        "detected": at("14:11:30"), "declared": at("14:11:30"), "acknowledged": at("14:13:00"),
        "resolved": at("14:31:05"), "updated_at": at("14:31:05")}
    going = found["pagerduty:Q2XM2EX0STOCK1"]
    assert (going["status"], going["severity"]) == ("open", "low")
    assert (going["acknowledged"], going.get("resolved")) == (at("08:07:00", "2026-07-02"), None)
    odd = found["pagerduty:Q4XM2EX0ODD001"]
    assert (odd.get("severity"), odd["impact_start"]) == (None, at("08:00:00", "2026-07-03"))
    assert reasons(source) == [
        (None, "record [2]: it does not say when it began"),
        (None, "record [3]: severity 'Gold' has no canonical word; the incident is kept without it"),
        (None, "record [4]: Q5XM2EX0MERGED was merged into Q1XM2EX0RDRS01")]
    assert len(found) == 3


def test_pagerduty_says_the_same_as_csv_and_as_a_single_answer(tmp_path: Path) -> None:
    whole = told(et.IncidentFiles(FIXTURES / "pagerduty.json"))["pagerduty:Q1XM2EX0RDRS01"]
    report = told(et.IncidentFiles(FIXTURES / "pagerduty.csv"))
    # the report knows neither priority nor the other services
    assert report["pagerduty:Q1XM2EX0RDRS01"] == {
        **whole, "severity": "high", "services": ["orders"], "title": "Orders answer 500, again"}
    assert report["pagerduty:Q2XM2EX0STOCK1"]["status"] == "open"
    document = json.loads((FIXTURES / "pagerduty.json").read_text())
    log = [{key: value for key, value in one.items() if key != "incident"} for one in document["log_entries"]]
    single = write(tmp_path / "one.json", json.dumps({"incident": document["incidents"][0], "log_entries": log}))
    assert told(et.IncidentFiles(single))["pagerduty:Q1XM2EX0RDRS01"] == whole


def test_servicenow_values_are_utc_and_display_values_need_their_zone() -> None:
    values = told(et.IncidentFiles(FIXTURES / "servicenow.json"))
    first = values["servicenow:INC0010001"]
    assert first == {
        "id": "servicenow:INC0010001", "title": "Orders answer 500", "severity": "critical", "status": "closed",
        "services": ["109562a3c611227500a7b7ff98cc0dc7"], "impact_start": at("14:12:00"), "is_start_estimated": True,
        "detected": at("14:12:00"), "declared": at("14:12:10"), "resolved": at("14:40:00"),
        "closed": at("09:00:00", "2026-07-03"), "cause": "connection leak", "detected_by": "alert",
        "updated_at": at("09:00:01", "2026-07-03")}
    assert values["servicenow:INC0010004"]["status"] == "open"
    assert reasons(et.IncidentFiles(FIXTURES / "servicenow.json")) == [
        (None, "record [1]: INC0010002 was cancelled"),
        (None, "record [2]: INC0010003 was closed as a duplicate")]
    pairs = told(et.IncidentFiles(FIXTURES / "servicenow_pairs.json", naive="Asia/Tokyo"))["servicenow:INC0010001"]
    assert (pairs["impact_start"], pairs["services"], pairs["detected_by"]) == (
        at("14:12:00"), ["ERP", "orders"], "person")
    shifted = told(et.IncidentFiles(FIXTURES / "servicenow.json", naive="Europe/Vienna"))["servicenow:INC0010001"]
    assert shifted["impact_start"] == at("12:12:00")
    refused = et.IncidentFiles(FIXTURES / "servicenow.csv")
    assert reasons(refused) == [
        (2, "opened_at: time has no zone: 2026-07-01 16:12:00; name the zone it was written in by naive="),
        (3, "INC0010002 was cancelled"),
        (4, "opened_at: time has no zone: 2026-07-02 10:00:00; name the zone it was written in by naive=")]
    listed = told(et.IncidentFiles(FIXTURES / "servicenow.csv", naive="Europe/Vienna"))
    for name in ("impact_start", "resolved", "closed", "severity"):
        assert listed["servicenow:INC0010001"][name] == first[name]
    assert listed["servicenow:INC0010004"]["title"] == "Stock slow"


def test_opsgenie_incidents_and_alerts() -> None:
    found = list(told(et.IncidentFiles(FIXTURES / "opsgenie_incidents.json")).values())
    assert [(one["impact_start"], one["is_start_estimated"], one["severity"], one["status"]) for one in found] == [
        (at("14:10:00"), False, "critical", "resolved"), (at("08:00:00", "2026-07-02"), True, "medium", "open")]
    assert all("resolved" not in one and "impact_end" not in one for one in found), "the API does not say when"
    alerts = told(et.IncidentFiles(FIXTURES / "opsgenie_alerts.json"), "alerts")
    assert list(alerts.values()) == [
        {"id": "opsgenie:70413a06-38d6-4c85-92b8-5ebc900d42e2", "time": at("14:11:30"), "service": "orders",
         "rule": "orders: 5xx above 1 %", "severity": "critical", "state": "closed",
         "message": "5xx of orders was 12 %", "acknowledged_at": at("14:13:00"), "resolved_at": at("14:32:00")},
        {"id": "opsgenie:80413a06-38d6-4c85-92b8-5ebc900d42e3", "time": at("15:00:00"), "rule": "disk of erp-db fills",
         "severity": "high", "state": "new"}]


def test_statuspage_incidents_and_maintenance() -> None:
    source = et.IncidentFiles(FIXTURES / "statuspage.json")
    found = told(source)
    assert found["statuspage:y2j98763l56x/p31zjtct2jer"] == {
        "id": "statuspage:y2j98763l56x/p31zjtct2jer", "title": "Database connection issues", "severity": "high",
        "status": "resolved", "impact": "partial", "services": ["orders", "billing"], "impact_start": at("21:15:00"),
        "is_start_estimated": True, "detected": at("21:15:00"), "declared": at("21:15:00"),
        "mitigated": at("21:40:00"), "resolved": at("22:00:00"), "detected_by": "status page",
        "updated_at": at("22:00:00.100")}
    backdated = found["statuspage:y2j98763l56x/q42zjtct2jes"]
    assert (backdated["impact_start"], backdated["is_start_estimated"], backdated["impact"], backdated["status"]) == (
        at("08:00:00", "2026-07-03"), False, "outage", "open")
    changes = read(source)["changes"].sort("service").to_dicts()
    assert [(one["service"], one["time"], one["kind"], one["description"]) for one in changes] == [
        (name, at("00:00:00", "2026-06-28"), "configuration", "maintenance: Index rebuild")
        for name in ("billing", "orders")]


def test_google_cloud_says_when_it_began() -> None:
    found = told(et.IncidentFiles(FIXTURES / "google_cloud.json"))
    assert found["google_cloud:fPovtKbaWN9UTepMm3kJ"] == {
        "id": "google_cloud:fPovtKbaWN9UTepMm3kJ", "title": "Orders unavailable in one region", "severity": "high",
        "status": "resolved", "impact": "outage", "services": ["orders", "billing"], "impact_start": at("14:10:00"),
        "is_start_estimated": False, "detected": at("14:45:04"), "declared": at("14:45:04"),
        "impact_end": at("15:00:00"), "detected_by": "status page", "updated_at": at("10:00:00", "2026-07-02")}
    going = found["google_cloud:gQpwuLcbXO0VUfqNn4lK"]
    assert (going["status"], going["services"], going.get("impact_end")) == ("open", ["inventory"], None)


def test_github_issues_by_label() -> None:
    source = et.IncidentFiles(FIXTURES / "github_rest.json")
    assert told(source) == {"github:acme/erp#12": {
        "id": "github:acme/erp#12", "title": "Orders answer 500", "severity": "high", "status": "closed",
        "impact": "outage", "services": ["orders"], "impact_start": at("14:12:00"), "is_start_estimated": True,
        "detected": at("14:12:00"), "declared": at("14:12:00"), "closed": at("15:00:00"), "updated_at": at("16:00:00")}}
    assert reasons(source) == [
        (None, "record [1]: acme/erp#13 is a pull request"),
        (None, "record [2]: acme/erp#14 has no label 'incident'"),
        (None, "record [3]: acme/erp#15 was closed as not planned")]
    shell = et.IncidentFiles(FIXTURES / "github_cli.json", label="outage")
    assert told(shell)["github:acme/erp#12"]["severity"] == "critical"
    assert reasons(shell) == [
        (None, "record [1]: acme/erp#16 was closed as a duplicate"),
        (None, "record [2]: issue 17 does not say which repository it is of: export its url too")]


def test_our_own_words_are_strict(tmp_path: Path) -> None:
    source = et.IncidentFiles(FIXTURES / "canonical.json")
    assert list(told(source)) == ["INC-1"]
    assert reasons(source) == [
        (None, "record [1]: unknown key 'impact_strat'. Did you mean: impact, impact_end, impact_start?"),
        (None, "record [2]: unknown severity 'hihg'. Did you mean: high?")]
    by_hand = et.IncidentFiles(FIXTURES / "canonical.toml")
    assert told(by_hand) == {"INC-7": {
        "id": "INC-7", "title": "Orders answer 500", "impact": "outage", "services": ["orders", "sales"],
        "impact_start": at("14:10:00"), "impact_end": at("14:31:00")}}
    assert reasons(by_hand)[0][1].startswith("record [1]: impact_start: time has no zone: 2026-07-01 16:10:00;")
    declared = told(et.IncidentFiles(FIXTURES / "canonical.toml", naive="Europe/Vienna"))
    assert declared["INC-8"]["impact_start"] == at("14:10:00")
    listed = told(et.IncidentFiles(FIXTURES / "canonical.csv"))["INC-9"]
    as_table = read(et.TableFiles(FIXTURES / "canonical.csv", table="incidents"))["incidents"]
    assert listed == as_table.select(*listed).to_dicts()[0]
    for wrong, reason in (
        ({"services": [1]}, "services is not a list of names"), ({"services": "[1"}, "services is not a list: [1"),
        ({"is_start_estimated": "perhaps"}, "is_start_estimated is neither true nor false"),
        ({"title": None}, "title is missing"), ({"cause": {}}, "cause is not text"),
        ({"detected": "soon"}, "detected: not a time: soon"), ({"impact": "down"}, "unknown impact 'down'"),
    ):
        record = {"id": "x", "title": "t", "impact_start": "2026-07-01T14:10:00Z", "status": "open", **wrong}
        path = write(tmp_path / "wrong.jsonl", json.dumps(record) + "\n")
        ((line, said),) = reasons(et.IncidentFiles(path))
        assert (line, said.startswith(reason)) == (1, True), said


@pytest.mark.parametrize("name", sorted(file.name for file in FIXTURES.iterdir()))
def test_each_export_is_of_one_source(name: str) -> None:
    ((path, source, form),) = [(one.path, one.source, one.format) for one in et.recognise(FIXTURES / name).taken]
    assert path.endswith(name)
    assert source == ("table_files" if name == "canonical.csv" else "incident_files")
    assert form.lower().replace(" ", "_").startswith(name.split(".")[0].split("_")[0])
    if path.endswith(".json"):
        document = json.loads(Path(path).read_text())
        assert sum(tool.records(document) is not None for tool in TOOLS) == 1, "no two tools claim one export"


def test_lines_of_our_own_are_a_table_and_what_is_no_table_is_not(tmp_path: Path) -> None:
    row = {"id": "a", "title": "t", "impact_start": "2026-07-01T14:10:00Z", "status": "open"}
    for name, source in (("a.jsonl", "table_files"), ("a.json", "incident_files")):
        assert [one.source for one in et.recognise(write(tmp_path / name, json.dumps(row) + "\n")).taken] == [source]
    (tmp_path / "report.json").write_text(json.dumps({"incidents": [row], "uptime": {}}))
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (tmp_path / "broken.toml").write_text("[[incident]]\nname = \n")
    (tmp_path / "other.json").write_text(json.dumps({"items": [{"metadata": {"created_at": 1}}], "kind": "List"}))
    assert {Path(path).name for path, _ in et.recognise(tmp_path).unknown} == {
        "pyproject.toml", "broken.toml", "other.json", "report.json"}


def test_empty_answers_are_no_incidents_and_other_files_are_refused(tmp_path: Path) -> None:
    head = (FIXTURES / "servicenow.csv").read_text().splitlines()[0]
    for name, content in (("pagerduty.json", '{"incidents": [], "limit": 25, "offset": 0, "more": false}'),
                          ("statuspage.json", '{"page": {"id": "x"}, "incidents": []}'),
                          ("own.json", '{"incidents": []}'), ("list.csv", head + "\n")):
        path = write(tmp_path / name, content)
        assert [one.source for one in et.recognise(path).taken] == ["incident_files"], name
        assert (read(et.IncidentFiles(path)), reasons(et.IncidentFiles(path))) == ({}, [])
    for name, content in (("a.json", '{"incidents": [{"what": 1}]}'), ("b.json", '{"incidents": ['),
                          ("c.toml", "[[incident"), ("d.csv", "a,b\n1,2\n"), ("e.json", "[]")):
        with pytest.raises(SourceError, match=f"{name}: "):
            read(et.IncidentFiles(write(tmp_path / name, content)))


def test_one_bad_record_costs_only_itself(tmp_path: Path) -> None:
    good = json.loads((FIXTURES / "google_cloud.json").read_text())
    bad: list[Any] = ["text", {**good[0], "id": None}, {**good[0], "begin": "yesterday"}, {**good[0], "id": "n",
                      "created": "2026-07-01T14:45:04"}, {**good[0], "id": "y", "end": "0001-01-01T00:00:00+14:00"}]
    many = [{**good[0], "id": f"id-{number}"} for number in range(20)]
    bad[1].pop("number")
    source = et.IncidentFiles(write(tmp_path / "x.json", json.dumps([*many, *bad, good[1]])))
    assert len(told(source)) == 21
    said = dict(reason.removeprefix("record ").split(": ", 1) for _, reason in reasons(source))
    assert said == {
        "[20]": "a str where an object was expected",
        "[21]": "no id: it could not be told from other incidents",
        "[22]": "begin: not a time: yesterday",
        "[23]": "created: time has no zone: 2026-07-01T14:45:04; name the zone it was written in by naive=",
        "[24]": "end: not a time: 0001-01-01 00:00:00+14:00"}


def test_impact_is_declared_or_null() -> None:
    for name in ("pagerduty.json", "servicenow.json", "opsgenie_incidents.json"):
        assert all("impact" not in one for one in told(et.IncidentFiles(FIXTURES / name)).values())
        declared = told(et.IncidentFiles(FIXTURES / name, impact="outage"))
        assert {one["impact"] for one in declared.values()} == {"outage"}
    said = told(et.IncidentFiles(FIXTURES / "statuspage.json", impact="none"))
    assert {one["impact"] for one in said.values()} == {"partial", "outage"}
    with pytest.raises(ValueError, match=r"no impact 'down'\. "):
        et.IncidentFiles("x", impact="down")
    with pytest.raises(ValueError, match="no time zone 'CET/x'"):
        et.IncidentFiles("x", naive="CET/x")


def test_the_recorded_incidents_of_google_cloud() -> None:
    """kpis.md section 2: out of order is left out and counted, durations keep their seconds."""
    if not GCP.is_file():
        pytest.skip("the recorded incidents are not here")
    store = et.Store()
    found = et.recognise(GCP)
    assert [one.format for one in found.taken] == ["Google Cloud incidents, JSON"]
    receipt = et.pull(found.sources[0], store)
    assert (receipt.rows["incidents"], receipt.rejects) == (81, [])
    span = et.Window("2021-07-01T00:00:00Z", "2022-01-01T00:00:00Z")
    minutes = [(one.impact_end - one.impact_start).total_seconds() / 60
               for one in et.incidents(store, span) if one.impact_end is not None]
    assert len(minutes) == 81
    assert statistics.mean(minutes) == pytest.approx(2697.65, abs=0.005)
    assert statistics.median(minutes) == pytest.approx(141.2, abs=0.05)
    assert math.exp(statistics.mean(map(math.log, minutes))) == pytest.approx(248.20, abs=0.005)
    card = {row["kpi"]: row for row in et.score(store, span).to_dicts() if row["service"] is None}
    assert card["mttd"]["n"] == 80
    assert "left out: 1 without both moments in order" in card["mttd"]["rule"]
    assert card["mttr"]["n"] == 68
    assert "left out: 13 without both moments in order" in card["mttr"]["rule"]
    assert "68 detected by a status page, so repair is at least this long" in card["mttr"]["rule"]
    # when the page was written bounds detection from above: a miss is not proven by it
    assert card["mttd"]["state"] == "insufficient"
    assert {one.impact for one in et.incidents(store, span)} == {"outage", "partial"}


def pagerduty(
    created: int, acknowledged: int | None, resolved: int | None, written: int, name: str = "Q1"
) -> dict[str, Any]:
    def stamp(minute: int | None) -> str | None:
        return None if minute is None else (at("12:00:00") + timedelta(minutes=minute)).isoformat()

    log = [{"type": "acknowledge_log_entry", "created_at": stamp(acknowledged)}] if acknowledged is not None else []
    return {"id": name, "incident_number": 1, "title": "orders down", "urgency": "high", "created_at": stamp(created),
            "status": "triggered" if resolved is None else "resolved", "resolved_at": stamp(resolved),
            "updated_at": stamp(written), "service": {"summary": "orders"}, "log_entries": log}


MINUTES = st.integers(-500, 500)
MOMENTS = st.tuples(MINUTES, st.none() | MINUTES, st.none() | MINUTES, MINUTES)


@settings(max_examples=8, deadline=None)
@given(many=st.lists(MOMENTS, min_size=1, max_size=15))
def test_no_duration_is_negative(
    tmp_path_factory: pytest.TempPathFactory, many: list[tuple[int, int | None, int | None, int]]
) -> None:
    path = tmp_path_factory.mktemp("x") / "a.json"
    path.write_text(json.dumps([pagerduty(*moments, name=f"Q{number}") for number, moments in enumerate(many)]))
    store = et.Store()
    et.pull(et.IncidentFiles(path, impact="outage"), store)
    day = et.Window("2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z")
    found = et.incidents(store, day)
    assert {one.id for one in found} == {f"pagerduty:Q{number}" for number in range(len(many))}
    for one in found:
        spans = (one.time_to_detect, one.time_to_repair, one.time_to_restore, one.data_loss)
        assert all(span is None or span >= timedelta(0) for span in spans)
        assert one.is_open == (many[int(one.id.removeprefix("pagerduty:Q"))][2] is None)
    uptime = et.score(store, day).filter(pl.col("kpi") == "uptime", pl.col("service").is_null()).row(0, named=True)
    assert 0 <= uptime["low"] <= uptime["high"] <= 1
    if any(resolved is not None and resolved < created for created, _, resolved, _ in many):
        assert uptime["state"] != "met", "one ended before it began"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_open_then_closed_in_any_order_of_pulls(order: tuple[int, ...], tmp_path: Path) -> None:
    """An older record after a newer one changes nothing; a newer one replaces."""
    states = (pagerduty(0, None, None, 0), pagerduty(0, 5, None, 5), pagerduty(0, 5, 30, 30))
    store = et.Store()
    for number in order:
        path = write(tmp_path / f"{number}.json", json.dumps({"incidents": [states[number]]}))
        receipt = et.pull(et.IncidentFiles(path), store)
        assert sum(receipt.rows.values()) + receipt.duplicates == 1
    (found,) = et.incidents(store, et.Window("2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z"))
    assert (found.status, found.acknowledged, found.ended) == ("resolved", at("12:05:00"), at("12:30:00"))
    assert sum(et.pull(et.IncidentFiles(tmp_path), store).rows.values()) == 0


def test_a_report_without_time_of_writing_orders_by_its_latest_moment(tmp_path: Path) -> None:
    header, *_ = (FIXTURES / "pagerduty.csv").read_text().splitlines()
    row = "Q1,1,high,down,P,orders,,,2026-07-01T12:00:00Z,{},{},,false,0,1,,,,"
    store = et.Store()
    for name, resolved, ack in (("new", "2026-07-01T12:30:00Z", "60"), ("old", "", "")):
        path = write(tmp_path / f"{name}.csv", f"{header}\n{row.format(resolved, ack)}\n")
        et.pull(et.IncidentFiles(path), store)
    (found,) = et.incidents(store, et.Window("2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z"))
    assert (found.status, found.resolved, found.acknowledged) == ("resolved", at("12:30:00"), at("12:01:00"))
    wrong = write(tmp_path / "wrong.csv", f"{header}\n{row.format('', 'soon')}\n")
    assert reasons(et.IncidentFiles(wrong)) == [(2, "seconds_to_first_ack: not a number of seconds: soon")]


def test_text_is_untrusted_and_lands_as_it_is(tmp_path: Path) -> None:
    text = "<script>alert(1)</script>'); drop table incidents; --"
    record = {**json.loads((FIXTURES / "google_cloud.json").read_text())[0], "external_desc": text,
              "affected_products": [{"title": text}]}
    store = et.Store()
    et.pull(et.IncidentFiles(write(tmp_path / "x.json", json.dumps([record]))), store)
    (found,) = et.incidents(store, et.Window("2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z"))
    assert (found.title, found.services) == (text, (text,))


def test_moments_before_and_after_the_clock_changes(tmp_path: Path) -> None:
    head = "Number,Short description,State,Opened"
    rows = ["INC1,a,New,2026-03-29 01:59:59", "INC2,b,New,2026-03-29 03:00:00"]
    path = write(tmp_path / "x.csv", "\n".join([head, *rows, ""]))
    found = told(et.IncidentFiles(path, naive="Europe/Vienna"))
    assert found["servicenow:INC2"]["impact_start"] - found["servicenow:INC1"]["impact_start"] == timedelta(seconds=1)
    assert found["servicenow:INC1"]["impact_start"].astimezone(UTC) == at("00:59:59", "2026-03-29")
