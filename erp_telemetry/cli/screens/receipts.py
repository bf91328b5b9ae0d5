"""Receipts: what files were taken for, what a pull kept, what nothing reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from erp_telemetry.cli.screens.advice import typed
from erp_telemetry.cli.screens.text import safe, say, warn

if TYPE_CHECKING:
    from erp_telemetry import Receipt, Recognised

_SHOWN = 20
_MANY = 3


def print_taken(found: Recognised, is_verbose: bool) -> None:
    """What each file was taken for: folded by format, or file by file."""
    if is_verbose:
        for one in found.taken:
            say(f"{safe(one.path)}: {_form(one.source, one.format)}")
        return
    counts = Counter((one.source, one.format) for one in found.taken)
    for (source, form), count in sorted(counts.items()):
        say(f"{_files(count)} as {_form(source, form)}")


def warn_unknown(unknown: Sequence[tuple[str, str]], is_verbose: bool = False) -> None:
    """Name what no source reads and why; many files of one suffix that fail alike are one line."""
    alike: dict[tuple[str, str], list[str]] = {}
    for file, reason in unknown:
        alike.setdefault((PurePath(file).suffix or "no suffix", reason), []).append(file)
    for (suffix, reason), files in alike.items():
        if len(files) > _MANY and not is_verbose:
            kind = "files without a suffix" if suffix == "no suffix" else f"{suffix} files"
            warn(f"[yellow]not read[/] {len(files):,} {safe(kind)}: {safe(reason)}; --verbose names them")
        else:
            for file in files:
                warn(f"[yellow]not read[/] {safe(file)}: {safe(reason)}; give --source, or leave it out")


def print_receipt(receipt: Receipt) -> None:
    """What a pull kept, and by name what it set aside or could not read."""
    say(safe(typed(str(receipt))))
    for one in receipt.reopened[:_SHOWN]:
        say(f"  [yellow]re-opened[/] {safe(one)}")
    _print_rejects(receipt)
    for word, lines in (("refused", receipt.refused), ("short", receipt.short), ("missing", receipt.missing)):
        for line in lines[:_SHOWN]:
            say(f"  [bold red]{word}[/] {safe(typed(line))}")
        if len(lines) > _SHOWN:
            say(f"  [bold red]{word}[/] … and {len(lines) - _SHOWN:,} more; --json has them all")
    if receipt.state == "rejected":
        say("  [bold red]nothing was kept[/]: every row was set aside")


def _print_rejects(receipt: Receipt) -> None:
    """Why lines and rows were set aside, how many, and where the first of each are."""
    places: dict[str, list[str]] = {}
    for reject in receipt.rejects:
        place = reject.file if reject.line is None else f"{reject.file}:{reject.line}"
        places.setdefault(reject.reason, []).append(place)
    for reason, count in list(receipt.reasons.items())[:_SHOWN]:
        few = list(dict.fromkeys(places[reason]))
        where = f"{', '.join(few[:_MANY])}{', …' if len(few) > _MANY else ''}"
        say(f"  [yellow]set aside[/] {count:,}: {safe(reason)} ({safe(where)})")
    if len(receipt.reasons) > _SHOWN:
        say(f"  … and {len(receipt.reasons) - _SHOWN:,} more reasons; all are in the store's rejects")


def receipt_row(receipt: Receipt, found: Recognised | None = None) -> dict[str, Any]:
    """A receipt as a row for machines, with what its files were taken for."""
    return {
        "source": receipt.source,
        "taken": dict(sorted(Counter(
            one.format for one in (found.taken if found else ()) if one.source == receipt.source).items())),
        "slices": receipt.slices, "skipped": receipt.skipped, "rows": dict(receipt.rows),
        "duplicates": receipt.duplicates, "late": receipt.late, "repaired": receipt.repaired,
        "unprovable": receipt.unprovable, "outside": receipt.outside,
        "set_aside": [{"file": reject.file, "line": reject.line, "reason": reject.reason}
                      for reject in receipt.rejects],
        "reopened": [asdict(one) for one in receipt.reopened],
        "reasons": receipt.reasons,
        "refused": [typed(line) for line in receipt.refused], "short": [typed(line) for line in receipt.short],
        "missing": [typed(line) for line in receipt.missing], "lost": dict(receipt.lost),
        "is_complete": receipt.is_complete, "state": receipt.state,
        "absent": list(receipt.absent), "until": receipt.until, "outlook": receipt.outlook,
        "window": None if receipt.window is None else str(receipt.window), "watermark": receipt.watermark,
    }


def has_failed(receipt: Receipt) -> bool:
    """Whether a pull did not do what it was called for, so that the shell says so by its exit code."""
    return receipt.state in ("partial", "rejected", "not_begun")


def _form(source: str, form: str) -> str:
    """What a file was taken for, or, where nobody looked, what it was said to be."""
    return f"{safe(source.removesuffix('_files'))}, as told" if form == "as told" else safe(form)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
