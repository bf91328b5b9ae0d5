"""Quantities: how a number with a unit is read aloud, wherever a person reads one."""

from __future__ import annotations

import re

DASH = "–"  # noqa: RUF001  an en dash is what a missing number looks like
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SPANS = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"))


def clean(value: object) -> str:
    """Text without what a terminal or a reader's eye could be steered by."""
    return _CONTROL.sub("", str(value))


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number of things, in words that agree with it.

    >>> counted(1, "slice"), counted(1200, "slice"), counted(2, "entry", "entries")
    ('1 slice', '1,200 slices', '2 entries')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def readable(value: float | None, unit: str) -> str:
    """Write a value for a person: ratios as percent, durations and bytes in the unit that suits, null as a dash.

    >>> readable(0.000526, "ratio"), readable(1234.5, "ms"), readable(5400, "s"), readable(1_234_567, "By")
    ('0.0526 %', '1.23 s', '1 h 30 m', '1.23 MB')
    """
    if value is None or value != value:
        return DASH
    if unit == "ratio":
        return f"{_ratio(value)} %"
    if unit == "ms":
        return f"{value:.3g} ms" if abs(value) < 999.5 else readable(value / 1000, "s")
    if unit == "s":
        return _duration(value)
    if unit == "1/s":
        return _rate(value)
    if unit == "By":
        return _size(value)
    text = f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.4g}"
    return text if unit in ("", "1") else f"{text} {unit}"


def _rate(value: float) -> str:
    """Events per the span in which at least one is to be expected; the second where there are many."""
    for seconds, name in ((1, "second"), (60, "minute"), (3600, "hour")):
        if value == 0 or abs(value) * seconds >= 0.1 or name == "hour":
            shown = value * seconds
            return f"{shown:,.0f} a {name}" if abs(shown) >= 1000 else f"{shown:.3g} a{'n' * (name == 'hour')} {name}"
    raise AssertionError("unreachable: the hour takes all")


def _ratio(value: float) -> str:
    percent = value * 100
    if 99 < percent < 100:
        # 99.9995 must not read as 100: show the missing part to three digits
        digits = next((d for d in range(2, 9) if 10 ** (2 - d) <= 100 - percent), 9)
        return f"{percent:.{digits}f}".rstrip("0")
    return f"{percent:.0f}" if percent == round(percent) else f"{percent:.3g}"


def _size(value: float) -> str:
    """Bytes by powers of 1000."""
    for name in ("B", "kB", "MB", "GB"):
        # rounded first, so that 999,999 bytes are 1 MB and not 1e+03 kB
        if abs(value) < 999.5:
            return f"{value:.3g} {name}"
        value /= 1000
    return f"{value:,.4g} TB"


def _duration(seconds: float) -> str:
    if abs(seconds) < 59.95:
        return f"{seconds:.3g} s"
    for (width, name), (finer, mark) in zip(_SPANS, [*_SPANS[1:], (1.0, "s")], strict=True):
        # rounded first, so that 3599.9 s is an hour and not 60 minutes
        steps, per = round(seconds / finer), round(width / finer)
        if abs(steps) >= per:
            whole, rest = divmod(steps, per)
            return f"{whole} {name} {rest} {mark}" if rest else f"{whole} {name}"
    raise AssertionError("unreachable: what rounds to a minute has minutes")
