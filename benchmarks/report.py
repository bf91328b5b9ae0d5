"""Turns the results of benchmarks into a page and a picture: ``python benchmarks/report.py``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REACHED, MISSED = "#2e7d4f", "#b3261e"
Json = dict[str, Any]


def page(results: Iterable[Json]) -> str:
    """Every result as Markdown: what was asked beside what was measured, then the tables behind it."""
    told = list(results)
    lines = ["# Benchmarks", "", "Made by `make bench`. Each case ran in fresh processes, in turns with its peers; "
             "seconds are medians, memory is the peak that was resident. Compare figures inside one table only.", "",
             "![Each target and what was measured](results.svg)", ""]
    lines += ["## Against the targets", "", "| claim | measured | wanted | |", "|---|---:|---:|---|"]
    lines += [_goal(goal) for result in told for goal in result["goals"]]
    for result in told:
        lines += ["", f"## {result['bench'].capitalize()}", "", *result["about"].strip().splitlines(), "",
                  f"`{result['command']}` on {result['machine']['date']}" + _small(result) + ".", ""]
        for group in dict.fromkeys(row["group"] for row in result["rows"]):
            lines += _table(group, [row for row in result["rows"] if row["group"] == group])
    lines += ["## Machine", ""]
    for facts in {json.dumps(result["machine"], sort_keys=True): result["machine"] for result in told}.values():
        lines += _machine(facts)
    return "\n".join(lines) + "\n"


def _small(result: Json) -> str:
    return " (a quick look at a hundredth of the rows: no measurement)" if result.get("is_small") else ""


def _goal(goal: Json) -> str:
    wanted = "stated" if goal["bound"] is None else f"{goal['sign']} {_amount(goal['bound'], goal['unit'])}"
    state = {True: "reached", False: "**not reached**", None: ""}[goal["is_reached"]]
    if goal["value"] is None:
        state = "not measured"
    return f"| {goal['claim']} | {_amount(goal['value'], goal['unit'])} | {wanted} | {state} |"


def _table(group: str, rows: list[Json]) -> list[str]:
    """Seconds, memory and the ratio to the first case, which is ours."""
    first = next((row["seconds"] for row in rows if row.get("seconds")), None)
    lines = [f"### {group}", "", "| case | s | x first | resident MB | |", "|---|---:|---:|---:|---|"]
    for row in rows:
        if "skipped" in row:
            lines.append(f"| {row['case']} | | | | skipped: {row['skipped']} |")
            continue
        more = ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in row.items()
                         if name not in ("group", "case", "seconds", "runs", "resident_mb", "same"))
        ratio = f"{row['seconds'] / first:.2f}" if first else ""
        lines.append(f"| {row['case']} | {row['seconds']:.3f} | {ratio} | {row['resident_mb']:,.0f} | {more} |")
    return [*lines, ""]


def _plain(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "–"  # noqa: RUF001  an en dash is what a missing number looks like
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:,.3g} {unit}"


def _machine(facts: Json) -> list[str]:
    vector = ", ".join(facts["vector_instructions"]) or "none known"
    return [
        f"- {facts['processor']}, {facts['cores']} cores, vector instructions: {vector}",
        f"- {facts['memory_gib']} GiB of memory, {facts['system']}",
        f"- Python {facts['python']}, " + ", ".join(f"{name} {found}" for name, found in facts["packages"].items()),
        f"- {facts['date']}",
    ]


def marks(results: Iterable[Json]) -> list[Json]:
    """What the picture shows: each target that has a figure, and how many times better than it the figure is."""
    found = []
    for result in results:
        for goal in result["goals"]:
            if goal["is_reached"] is None or not goal["value"] or not goal["bound"]:
                continue
            better = goal["value"] / goal["bound"]
            wanted, unit = f"{goal['sign']} {goal['bound']:g}", goal["unit"]
            found.append({
                "claim": goal["claim"], "better": better if goal["sign"] == ">=" else 1 / better,
                "state": "reached" if goal["is_reached"] else "not reached",
                "told": f"{_amount(goal['value'], unit)} (wanted {wanted} {unit})"})
    return found


def picture(shown: list[Json]) -> Any:
    """One row per target: to the right of the line it is kept, to the left it is missed; each step doubles."""
    import altair as alt

    ends = [1.0, *(mark["better"] for mark in shown)]
    reach = max(4.0, *ends, *(1 / end for end in ends)) * 1.2
    base = alt.Chart(alt.Data(values=shown)).encode(
        y=alt.Y("claim:N", sort=None, title=None, axis=alt.Axis(labelLimit=640, labelFontSize=12, ticks=False)))
    across = alt.X("better:Q", title="times better than the target (left of 1: worse)",
                   scale=alt.Scale(type="log", base=2, domain=[1 / reach, reach * 12]),
                   axis=alt.Axis(values=[2.0**power for power in range(-8, 9) if 1 / reach <= 2.0**power <= reach],
                                 labelExpr="datum.value < 1 ? '1/' + 1 / datum.value : datum.value"))
    colour = alt.Color("state:N", title=None, legend=alt.Legend(orient="top"),
                       scale=alt.Scale(domain=["reached", "not reached"], range=[REACHED, MISSED]))
    line = alt.Chart(alt.Data(values=[{"at": 1}])).mark_rule(color="#333333").encode(x="at:Q")
    stems = base.mark_bar(height=6).encode(x=across, x2=alt.datum(1), color=colour)
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=across, color=colour, shape=alt.Shape("state:N", title=None, scale=alt.Scale(
            domain=["reached", "not reached"], range=["circle", "diamond"])))
    words = base.mark_text(align="left", dx=10, fontSize=12, color="#1f2328").encode(
        x=alt.X("edge:Q"), text="told:N").transform_calculate(edge="max(datum.better, 1)")
    title = alt.Title("Targets and what was measured", anchor="start")
    return (line + stems + dots + words).properties(title=title, width=620, height=alt.Step(26)).configure_view(
        stroke=None).configure(background="#ffffff")


def main() -> None:
    """Read every result of the folder, write the page and the picture beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the results of bench_*.py")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for results.md and results.svg")
    chosen = parser.parse_args()
    results = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(chosen.results.glob("*.json"))]
    if not results:
        raise SystemExit(f"no results in {chosen.results}: run make bench first")
    (chosen.out / "results.md").write_text(page(results), encoding="utf-8")
    picture(marks(results)).save(chosen.out / "results.svg")
    print(f"written: {chosen.out / 'results.md'}, {chosen.out / 'results.svg'}")


if __name__ == "__main__":
    main()
