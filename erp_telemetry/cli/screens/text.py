"""Text: what goes to a terminal, a pipe or a machine; all that comes from telemetry is untrusted."""

from __future__ import annotations

import codecs
import json
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

from erp_telemetry.cli.screens.secrets import secrets

WHOLE = "whole system"
DASH = "–"  # noqa: RUF001  an en dash is what a missing value looks like
_STYLES = {"met": "green", "normal": "green", "missed": "bold red", "critical": "bold red", "warning": "yellow",
           "insufficient": "magenta", "no_data": "dim", "unknown": "dim"}
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_ASCII = {DASH: "-", "…": "..."}
# a pipe has no width: its lines are as long as their content
_PIPE = 1000


class _Screen(Console):
    """A console that outlives its reader: after `| head` the work goes on, and the exit code keeps its meaning."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


def _width(stream: Any) -> int | None:
    return None if stream.isatty() or os.environ.get("COLUMNS", "").isdigit() else _PIPE


screen = _Screen(highlight=False, emoji=False, width=_width(sys.stdout))
aside = _Screen(stderr=True, highlight=False, emoji=False, width=_width(sys.stderr))


def settle() -> None:
    """Let stdout and stderr write what their encoding has no letter for as ASCII, instead of failing."""
    codecs.register_error("erp_telemetry", _as_ascii)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and not stream.encoding.lower().startswith("utf"):
            reconfigure(errors="erp_telemetry")


def finish() -> None:
    """Hand over what is still buffered; a reader that has gone is no failure."""
    for console in (screen, aside):
        try:
            console.file.flush()
        except BrokenPipeError:
            console.on_broken_pipe()


def clean(value: object) -> str:
    """Text without escape sequences and control characters, its secrets hidden; not counted yet."""
    return secrets.hide(_CONTROL.sub(" ", _ESCAPES.sub("", str(value))))


def safe(value: object) -> str:
    """Text for the terminal: no escape sequences, no control characters, no secrets, no markup."""
    shown = clean(value)
    secrets.count(shown)
    return escape(shown)


def say(text: str) -> None:
    """One line of our own words on stdout; what is not ours in it went through ``safe``."""
    screen.print(text, soft_wrap=True)


def print_plain(text: str) -> None:
    """Lines of plain text on stdout as they are, without escape sequences, markup and secrets."""
    for line in text.splitlines():
        shown = safe(line)
        screen.print(shown, soft_wrap=True)


def warn(text: str) -> None:
    """One line of our own words on stderr."""
    aside.print(text, soft_wrap=True)


def warn_hidden() -> None:
    """Say on stderr how many secrets were hidden, if any were."""
    if secrets.hidden:
        total = secrets.hidden.total()
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(secrets.hidden.items()))
        how = "; --secrets shows them" if secrets.can_show else ""
        warn(f"{total:,} {'secret' if total == 1 else 'secrets'} hidden ({kinds}){how}")


def print_json(rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Rows, or tables of rows by name, as JSON on stdout; NaN becomes null, times ISO 8601, secrets are hidden."""
    text = json.dumps(_hidden(_plain(rows)), indent=2, allow_nan=False)
    secrets.count(text)
    if screen.quiet:
        return
    try:
        print(text, file=screen.file)
    except BrokenPipeError:
        screen.on_broken_pipe()


def state(word: str) -> str:
    """A state as colour and word."""
    return f"[{_STYLES.get(word, 'none')}]{safe(word.replace('_', ' '))}[/]"


def styled(word: str, text: str) -> str:
    """A text of ours in the colour of a state."""
    return f"[{_STYLES.get(word, 'none')}]{text}[/]"


def _hidden(rows: Any) -> Any:
    """Row by row, because a secret that one column names is hidden in the others of its row, and in no other row."""
    if isinstance(rows, Mapping):
        return {name: _hidden(part) for name, part in rows.items()}
    return [secrets.hide(row) for row in rows]


def _plain(value: Any) -> Any:
    match value:
        case str():
            return value
        case Mapping():
            return {str(name): _plain(part) for name, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case float():
            return value if math.isfinite(value) else None
        case int() | None:
            return value
        case datetime() | date():
            return value.isoformat()
    return str(value)


def _as_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start:error.end]
    return "".join(_ASCII.get(letter, "?") for letter in missing), error.end
