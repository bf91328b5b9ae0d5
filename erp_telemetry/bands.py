"""Bands: which state a value is in, how a state is held over time, and how a band is written in TOML."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from erp_telemetry.errors import ObjectiveError

Refusal = Callable[[str | None, str], ObjectiveError]
"""Makes the error for a key of a band, or for the band itself, from what is wrong with it."""
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_REQUIRED = ("measure", "normal", "critical")
# what a service may say of its own: a band keeps its measure, and the services it is made for
_OWN = {"normal": "normal", "critical": "critical", "hysteresis": "hysteresis", "for": "for_seconds",
        "recover_for": "recover_seconds"}
_ALL = {"measure": "measure", **_OWN, "services": "services"}
# measures that cannot leave 0..1, by the name they end with
_RATIOS = ("ratio", "apdex")


@dataclass(frozen=True, slots=True)
class Band:
    """A health band: beyond ``critical`` is critical, beyond ``normal`` is normal, else warning.

    The last three say how a state is held over time, see ``states.held``: a value must be better than a
    bound by ``hysteresis`` (a share of that bound) before the state improves, a worse state is entered
    once it has lasted ``for_seconds``, and left once a better one has lasted ``recover_seconds``.
    """

    name: str
    measure: str
    normal: float
    critical: float
    services: tuple[str, ...] = ()
    hysteresis: float = 0.0
    for_seconds: float = 0.0
    recover_seconds: float = 0.0

    def state(self, value: float | None) -> str:
        """``normal``, ``warning``, ``critical``, or ``unknown`` for null and NaN.

        >>> Band("cpu_band", "cpu_ratio", 0.3, 0.9).state(0.3)
        'warning'
        """
        if value is None or value != value:
            return "unknown"
        sign = 1.0 if self.is_higher_worse else -1.0
        if sign * value > sign * self.critical:
            return "critical"
        return "normal" if sign * value < sign * self.normal else "warning"

    @property
    def is_higher_worse(self) -> bool:
        """Which side is worse, told by the order of the bounds."""
        return self.critical > self.normal

    @property
    def rule(self) -> str:
        """The whole definition in one line; bands of one rule give the same states.

        >>> Band("cache_hit_band", "cache_hit_ratio", 0.8, 0.5, for_seconds=300).rule
        'cache_hit_ratio: normal > 0.8, critical < 0.5, else warning; hysteresis 0.0, for 300.0 s, recover_for 0.0 s'
        """
        better, worse = ("<", ">") if self.is_higher_worse else (">", "<")
        # 300 and 300.0 are one rule
        normal, critical, hysteresis, lasting, recovering = map(float, (
            self.normal, self.critical, self.hysteresis, self.for_seconds, self.recover_seconds))
        return (f"{self.measure}: normal {better} {normal!r}, critical {worse} {critical!r}, else warning; "
                f"hysteresis {hysteresis!r}, for {lasting!r} s, recover_for {recovering!r} s")

    @property
    def version(self) -> str:
        """The first twelve hex digits of the SHA-256 of ``rule``."""
        return hashlib.sha256(self.rule.encode()).hexdigest()[:12]


def seconds(text: object) -> float:
    """A duration such as ``"15m"``, ``"90s"`` or ``"500ms"`` in seconds.

    Raises:
        ValueError: anything else.
    """
    found = _DURATION.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f'write a duration such as "15m", "90s" or "500ms", not {text!r}')
    return float(found[1]) * _SECONDS[found[2]]


def read(name: str, entries: Mapping[str, Any], refuse: Refusal) -> Band:
    """The band that a table of TOML says.

    Raises:
        ObjectiveError: made by ``refuse``.
    """
    for key in _REQUIRED:
        if key not in entries:
            raise refuse(None, f"a band needs {key}")
    return _possible(Band(name, **_arguments(entries, _ALL, refuse)), refuse)


def overridden(band: Band, own: Mapping[str, Any], refuse: Refusal) -> Band:
    """A band with what one service says of its own.

    Raises:
        ObjectiveError: made by ``refuse``.
    """
    found = _possible(dataclasses.replace(band, **_arguments(own, _OWN, refuse)), refuse)
    if found.is_higher_worse != band.is_higher_worse:
        raise refuse(None, f"{band.measure} is worse the {'higher' if band.is_higher_worse else 'lower'} for every "
                           "service: normal and critical may not change sides")
    return found


def _arguments(entries: Mapping[str, Any], known: Mapping[str, str], refuse: Refusal) -> dict[str, Any]:
    found = {}
    for key, value in entries.items():
        if key not in known:
            raise refuse(key, f"a band knows {', '.join(known)}")
        try:
            found[known[key]] = _entry(key, value)
        except ValueError as error:
            raise refuse(key, str(error)) from error
    return found


def _entry(key: str, value: Any) -> Any:
    match key:
        case "measure":
            if not isinstance(value, str):
                raise ValueError(f'write the name of a measure, such as "cpu_ratio", not {value!r}')
            return value
        case "services":
            if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
                raise ValueError(f'write a list of names, such as ["api-gateway"], not {value!r}')
            return tuple(value)
        case "for" | "recover_for":
            return seconds(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"write a number, such as 0.05, not {value!r}")
    return float(value)


def _possible(band: Band, refuse: Refusal) -> Band:
    """The band, if its numbers leave every state within reach."""
    if band.normal == band.critical:
        raise refuse(None, "normal and critical must differ: their order tells which side is better")
    if not 0 <= band.hysteresis < 1:
        raise refuse("hysteresis", f"write a share of the bound from 0 to below 1, such as 0.05 for 5 %, "
                                   f"not {band.hysteresis!r}")
    if band.hysteresis and 0 in (band.normal, band.critical):
        raise refuse("hysteresis", "a share of a bound of 0 is nothing: give a bound that is not 0, or leave it out")
    regained = band.normal * (1 + band.hysteresis)
    if band.hysteresis and not band.is_higher_worse and band.measure.endswith(_RATIOS) and regained >= 1:
        raise refuse("hysteresis", f"normal would come back only above {regained:.4g}, which no ratio reaches: "
                                   f"write less than {1 / band.normal - 1:.4g}")
    return band
