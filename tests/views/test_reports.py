"""Reports: self-contained, escaped, byte-equal."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import erp_telemetry as et


@pytest.fixture
def written(small_store: et.Store) -> et.Report:
    return et.report(small_store, small_store.last(hours=1))


@pytest.mark.parametrize("suffix", [".html", ".md", ".json"])
def test_two_runs_are_byte_equal(suffix: str, small_store: et.Store, tmp_path: Path) -> None:
    window = small_store.last(hours=1)
    first = et.report(small_store, window).save(tmp_path / f"a{suffix}").read_bytes()
    assert et.report(small_store, window).save(tmp_path / f"b{suffix}").read_bytes() == first


def test_the_page_needs_nothing_from_elsewhere(written: et.Report, tmp_path: Path) -> None:
    text = written.save(tmp_path / "r.html").read_text(encoding="utf-8")
    outside = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?(?!#)([^"\')\s>]+)', text)
    assert outside == []
    assert "<script" not in text.lower() and "@import" not in text
    assert text.count("<svg") >= 4 and text.count('aria-hidden="true" focusable="false"') == text.count("<svg")


def test_untrusted_text_is_shown_not_run(written: et.Report, tmp_path: Path) -> None:
    text = written.save(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text and "<b>orders" not in text
    assert "\x1b" not in text and "[31m" not in text
    markdown = written.save(tmp_path / "r.md").read_text(encoding="utf-8")
    assert "<script>" not in markdown and "\x1b" not in markdown


def test_the_page_is_well_formed_and_its_tables_have_captions_and_scopes(written: et.Report, tmp_path: Path) -> None:
    text = written.save(tmp_path / "r.html").read_text(encoding="utf-8")
    stack: list[str] = []
    problems: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in ("meta", "br"):
                stack.append(tag)
            if tag == "th" and "scope" not in dict(attrs):
                problems.append("a th without scope")

        def handle_endtag(self, tag: str) -> None:
            if stack.pop() != tag:
                problems.append(f"</{tag}> closes another")

    Reader().feed(text)
    assert not problems and not stack
    assert text.count("<table") == text.count("<caption>")
    assert 'name="viewport"' in text and "prefers-color-scheme: dark" in text
    assert len(re.findall(r'\bid="([^"]+)"', text)) == len(set(re.findall(r'\bid="([^"]+)"', text)))


def test_json_tells_the_same(written: et.Report, small_store: et.Store, tmp_path: Path) -> None:
    told = json.loads(written.save(tmp_path / "r.json").read_text(encoding="utf-8"))
    assert told["watermark"] == small_store.watermark.isoformat()  # type: ignore[union-attr]
    assert told["quality"]["rows"] == {"incidents": 1, "requests": 20}
    assert {row["kpi"] for row in told["scorecard"]} >= {"uptime", "mttr", "error_ratio", "latency_p99"}


def test_another_suffix_is_refused(written: et.Report, tmp_path: Path) -> None:
    for name in ("r.docx", "r"):
        with pytest.raises(ValueError, match=r"\.html, \.md or \.json"):
            written.save(tmp_path / name)
    assert not list(tmp_path.glob("r*"))
