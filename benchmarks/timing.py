"""Times cases against their peers: each in a fresh process, in turns, by medians, with its peak resident memory.

A script of this folder makes a ``Bench`` and calls ``run``. A case prepares (imports, data, connections) and gives
back what is timed; the figures of one table come from one run and are compared only with each other.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import machine
from generator import TRAFFIC, Traffic

RESULTS = Path(__file__).parent / "results"
Facts = dict[str, Any]
"""What a case tells beside its time. ``seconds`` stands in for the wall time of the whole; ``same`` must be equal
among the cases of a group; ``answer`` is a frame that is kept for ``Findings.answer``."""


@dataclass(frozen=True)
class Place:
    """Where a case works: the data all share, its own scratch folder, and how large it all is."""

    data: Path
    scratch: Path
    is_small: bool

    def rows(self, full: int) -> int:
        """So many rows, or a hundredth of them for a quick look."""
        return full // 100 if self.is_small else full

    @property
    def traffic(self) -> Traffic:
        """The traffic whose first rows the files of one form hold."""
        return TRAFFIC["small" if self.is_small else "20m"]


@dataclass(frozen=True)
class Case:
    """One contestant of a group: ``prepare`` readies everything and gives back what is timed.

    ``needs`` names the modules it cannot do without; where one is missing the case is skipped and says so.
    ``rounds`` bounds how often it runs, where one run takes minutes.
    """

    group: str
    name: str
    prepare: Callable[[Place], Callable[[], Facts]]
    needs: tuple[str, ...] = ()
    rounds: int | None = None

    @property
    def key(self) -> str:
        """``group / name``, as a fresh process is asked for it."""
        return f"{self.group} / {self.name}"


@dataclass(frozen=True)
class Goal:
    """What issue or design asks for, beside what was measured; ``bound`` is null where a figure is only stated."""

    claim: str
    value: float | None
    sign: str = "<="
    bound: float | None = None
    unit: str = "x"

    @property
    def is_reached(self) -> bool | None:
        """Whether the value keeps the bound; null where either is missing."""
        if self.value is None or self.bound is None:
            return None
        return self.value <= self.bound if self.sign == "<=" else self.value >= self.bound


@dataclass
class Findings:
    """Every run of every case, and the answers they kept."""

    answers: Path
    runs: dict[tuple[str, str], list[Facts]] = field(default_factory=dict)

    def seconds(self, group: str, name: str) -> float | None:
        """Median seconds of a case; ``None`` where it was skipped."""
        return self.median(group, name, "seconds")

    def median(self, group: str, name: str, fact: str) -> float | None:
        """Median of one fact of a case."""
        told = [run[fact] for run in self.runs.get((group, name), []) if run.get(fact) is not None]
        return statistics.median(told) if told else None

    def ratio(self, group: str, over: str, under: str) -> float | None:
        """How many times the seconds of ``under`` the case ``over`` takes."""
        first, second = self.seconds(group, over), self.seconds(group, under)
        return first / second if first is not None and second else None

    def answer(self, group: str, name: str) -> Path | None:
        """The Parquet file of the answer a case kept, if it did."""
        path = _answer(self.answers, f"{group} / {name}")
        return path if path.is_file() else None


@dataclass(frozen=True)
class Bench:
    """A script: its name (that of its results), what it measures, its cases and what they should show."""

    name: str
    about: str
    cases: Callable[[argparse.Namespace], list[Case]]
    goals: Callable[[Findings, argparse.Namespace], list[Goal]]
    traffic: tuple[str, ...] = ()


def run(bench: Bench, script: str) -> None:
    """Read the arguments, time the cases, print the table and write the results."""
    chosen = _arguments(bench)
    chosen.data.mkdir(parents=True, exist_ok=True)
    cases = [case for case in bench.cases(chosen) if chosen.only.lower() in case.key.lower()]
    if chosen.case:
        _run_here(next(case for case in cases if case.key == chosen.case), chosen)
        return
    if chosen.small:
        print("a quick look: a hundredth of the rows that the names of the groups say")
    with tempfile.TemporaryDirectory(prefix="answers-", dir=chosen.data) as answers:
        findings = Findings(Path(answers))
        rows = [row for group in dict.fromkeys(case.group for case in cases)
                for row in _race([case for case in cases if case.group == group], findings, chosen, script)]
        goals = bench.goals(findings, chosen)
    _print_goals(goals)
    _write(bench, rows, goals, chosen, script)


def warm(call: Callable[[], Any], calls: int = 5) -> tuple[float, Any]:
    """Median seconds of several calls in one process after one that warms, and what the last gave."""
    call()
    taken = []
    for _ in range(calls):
        begun = time.perf_counter()
        given = call()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken), given


def _arguments(bench: Bench) -> argparse.Namespace:
    cache = Path(tempfile.gettempdir()) / "erp_telemetry_benchmarks"
    parser = argparse.ArgumentParser(description=bench.about)
    parser.add_argument("--data", type=Path, default=cache,
                        help=f"folder of generated data, made once and reused (default: {cache})")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes per case, in turns (default: 3)")
    parser.add_argument("--small", action="store_true", help="a hundredth of the rows: proves the script, not speed")
    parser.add_argument("--only", default="", help="only cases whose 'group / name' holds this text")
    parser.add_argument("--results", type=Path, help="folder of the results (default: results/ beside the script; "
                        "of --small and --only runs: under --data)")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--answers", type=Path, help=argparse.SUPPRESS)
    if bench.traffic:
        parser.add_argument("--traffic", nargs="+", choices=bench.traffic, default=list(bench.traffic),
                            help=f"how many requests (default: {' '.join(bench.traffic)})")
    chosen = parser.parse_args()
    if bench.traffic and chosen.small:
        chosen.traffic = ["small"]
    return chosen


def _race(cases: list[Case], findings: Findings, chosen: argparse.Namespace, script: str) -> list[Facts]:
    """Run the cases of one group in turns and print their table."""
    print(f"\n{cases[0].group}", flush=True)
    missing = {case.name: name for case in cases for name in case.needs if not _is_there(name)}
    for number in range(chosen.rounds):
        ready = [case for case in cases if case.name not in missing and number < (case.rounds or chosen.rounds)]
        turn = number % max(1, len(ready))
        for case in ready[turn:] + ready[:turn]:
            told = _run_fresh(case, findings.answers, chosen, script)
            findings.runs.setdefault((case.group, case.name), []).append(told)
    _check_same(cases, findings)
    return [_row(case, findings, missing.get(case.name)) for case in cases]


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _run_fresh(case: Case, answers: Path, chosen: argparse.Namespace, script: str) -> Facts:
    command = [sys.executable, script, "--data", str(chosen.data), "--case", case.key, "--answers", str(answers)]
    command += ["--small"] if chosen.small else ["--traffic", *chosen.traffic] if "traffic" in chosen else []
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{case.key} failed:\n{done.stdout}{done.stderr}")
    told: Facts = json.loads(done.stdout.splitlines()[-1])
    print(f"  {case.name:44} {told['seconds']:10.3f} s {told['resident_mb']:8,.0f} MB", file=sys.stderr, flush=True)
    return told


def _run_here(case: Case, chosen: argparse.Namespace) -> None:
    """Be the fresh process: prepare, time, and tell it as the last line."""
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=chosen.data) as scratch:
        timed = case.prepare(Place(chosen.data, Path(scratch), chosen.small))
        begun = time.perf_counter()
        facts = timed()
        seconds = time.perf_counter() - begun
        resident = peak_mb()
    answer = facts.pop("answer", None)
    if answer is not None:
        answer.write_parquet(_answer(chosen.answers, case.key))
    # on a line of its own, whatever the case left unfinished before it
    print("\n" + json.dumps({"seconds": seconds, "resident_mb": resident, **facts}, default=str))


def peak_mb() -> float:
    """Most memory that was resident in this process; ``ru_maxrss`` may be the parent's, from before this one began."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _answer(folder: Path, key: str) -> Path:
    return folder / ("".join(letter if letter.isalnum() else "_" for letter in key) + ".parquet")


def _check_same(cases: list[Case], findings: Findings) -> None:
    """Peers that do not answer the same are no peers: stop."""
    told = {case.name: run["same"] for case in cases for run in findings.runs.get((case.group, case.name), [])
            if "same" in run}
    if len({json.dumps(value) for value in told.values()}) > 1:
        raise SystemExit(f"{cases[0].group}: the cases do not agree: {told}")


def _row(case: Case, findings: Findings, missing: str | None) -> Facts:
    runs = findings.runs.get((case.group, case.name), [])
    row: Facts = {"group": case.group, "case": case.name}
    if missing:
        print(f"  {case.name:44} skipped: {missing} is not installed")
        return {**row, "skipped": f"{missing} is not installed"}
    row |= {name: value for name, value in runs[-1].items() if name not in ("seconds", "resident_mb")}
    row["seconds"] = findings.seconds(case.group, case.name)
    row["runs"] = [run["seconds"] for run in runs]
    row["resident_mb"] = findings.median(case.group, case.name, "resident_mb")
    told = ", ".join(f"{name} {value}" for name, value in row.items()
                     if name not in ("group", "case", "seconds", "runs", "resident_mb"))
    print(f"  {case.name:44} {row['seconds']:10.3f} s {row['resident_mb']:8,.0f} MB  {told}", flush=True)
    return row


def _print_goals(goals: list[Goal]) -> None:
    print()
    for goal in goals:
        value = "not measured" if goal.value is None else f"{goal.value:,.3g} {goal.unit}"
        wanted = "" if goal.bound is None else f", wanted {goal.sign} {goal.bound:g} {goal.unit}"
        state = {True: "reached", False: "NOT REACHED", None: "stated"}[goal.is_reached]
        print(f"  {goal.claim}: {value}{wanted}: {state}")


def _write(
    bench: Bench, rows: list[Facts], goals: list[Goal], chosen: argparse.Namespace, script: str
) -> None:
    is_partial = chosen.small or chosen.only
    folder = chosen.results or (chosen.data / "results" if is_partial else RESULTS)
    folder.mkdir(parents=True, exist_ok=True)
    arguments: Mapping[str, Any] = {"rounds": chosen.rounds} | (
        {"traffic": " ".join(chosen.traffic)} if "traffic" in chosen and not chosen.small else {})
    said = [f"--{name} {value}" for name, value in arguments.items()] + (["--small"] if chosen.small else [])
    path = folder / f"{bench.name}.json"
    path.write_text(json.dumps({
        "bench": bench.name, "about": bench.about, "is_small": chosen.small,
        "command": " ".join([f"python benchmarks/{Path(script).name}", *said]),
        "machine": machine.facts(), "rows": rows,
        "goals": [{**asdict(goal), "is_reached": goal.is_reached} for goal in goals],
    }, indent=1, default=str) + "\n", encoding="utf-8")
    print(f"\nwritten: {path}")
