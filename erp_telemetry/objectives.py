"""Objectives: what is wanted: targets, health bands, recovery objectives, thresholds, policy.

One TOML file says it all; ``objectives.toml`` beside this module holds the handbook's figures and
is the default. A file given by the user needs only what differs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from erp_telemetry.errors import ObjectiveError, nearest

HANDBOOK = Path(__file__).with_name("objectives.toml")
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
UNITS = {"uptime": "ratio", "mttr": "s", "mttd": "s", "rto": "s", "rpo": "s",
         "error_ratio": "ratio", "latency_p99": "ms"}
"""The handbook's seven success metrics and the unit of each in the scorecard."""
HIGHER_IS_BETTER = frozenset({"uptime"})
CLIENT_ERRORS = ("good", "failed", "excluded")
_SECTIONS = ("policy", "latency", "targets", "recovery", "bands", "services")


@dataclass(frozen=True, slots=True)
class Band:
    """A health band: beyond ``critical`` is critical, beyond ``normal`` is normal, else warning."""

    name: str
    measure: str
    normal: float
    critical: float
    services: tuple[str, ...] = ()

    def state(self, value: float | None) -> str:
        """``normal``, ``warning``, ``critical``, or ``unknown`` for null and NaN.

        >>> Band("cpu_band", "cpu_ratio", 0.3, 0.9).state(0.3)
        'warning'
        """
        if value is None or value != value:
            return "unknown"
        sign = 1.0 if self.critical > self.normal else -1.0
        if sign * value > sign * self.critical:
            return "critical"
        return "normal" if sign * value < sign * self.normal else "warning"


@dataclass(frozen=True, slots=True)
class Objectives:
    """Targets, bands, recovery objectives, latency thresholds and policy, read from TOML."""

    targets: Mapping[str, float]
    bands: tuple[Band, ...]
    recovery: Mapping[str, float]
    thresholds: Mapping[str, float]
    client_errors: str
    down_impacts: tuple[str, ...]
    services: Mapping[str, Mapping[str, Any]]

    @classmethod
    def load(cls, path: str | Path | None = None) -> Objectives:
        """Read a TOML file over the handbook's figures; ``None`` is the handbook alone.

        Raises:
            ObjectiveError: file, line and what to write instead.
        """
        base = tomllib.loads(HANDBOOK.read_text(encoding="utf-8"))
        if path is None:
            return _build(base, _Origin(HANDBOOK, HANDBOOK.read_text(encoding="utf-8")))
        origin = _Origin(Path(path), _text(Path(path)))
        try:
            given = tomllib.loads(origin.text)
        except tomllib.TOMLDecodeError as error:
            raise ObjectiveError(f"{path}: {error}") from error
        for section in given.keys() - set(_SECTIONS):
            raise origin.error(section, f"unknown section. {nearest(section, _SECTIONS)}")
        for section, entries in given.items():
            if not isinstance(entries, dict):
                raise origin.error(section, f"a section is written [{section}]")
            if section == "bands":
                for name, band in entries.items():
                    base["bands"][name] = {**base["bands"].get(name, {}), **band}
            else:
                base[section] = {**base.get(section, {}), **entries}
        return _build(base, origin)

    def target(self, kpi: str, service: str | None = None) -> float:
        """The target of a success metric, for a service if it has its own; in the unit of UNITS."""
        own = self.services.get(service or "", {})
        return _quantity(kpi, own[kpi]) if kpi in own else self.targets[kpi]

    def threshold(self, name: str, service: str | None = None) -> float:
        """``apdex_ms`` or ``slo_ms``, for a service if it has its own."""
        return float(self.services.get(service or "", {}).get(name, self.thresholds[name]))

    def bands_of(self, service: str | None) -> tuple[Band, ...]:
        """The bands that hold for a service, with its own bounds."""
        own = self.services.get(service or "", {}).get("bands", {})
        special = {band.measure for band in self.bands if service in band.services}
        return tuple(
            Band(band.name, band.measure, float(own.get(band.name, {}).get("normal", band.normal)),
                 float(own.get(band.name, {}).get("critical", band.critical)), band.services)
            for band in self.bands
            # a band made for named services stands in for the general one of the same measure
            if (service in band.services) or (not band.services and band.measure not in special)
        )


@dataclass(frozen=True, slots=True)
class _Origin:
    path: Path
    text: str

    def error(self, key: str, what: str) -> ObjectiveError:
        pattern = re.compile(rf"^\s*(\[+[\w.]*\b{re.escape(key)}\b|{re.escape(key)}\s*=)")
        for number, line in enumerate(self.text.splitlines(), 1):
            if pattern.match(line):
                return ObjectiveError(f"{self.path}:{number}: {key}: {what}")
        return ObjectiveError(f"{self.path}: {key}: {what}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ObjectiveError(f"{path}: is not text; give a TOML file in UTF-8") from error
    except OSError as error:
        raise ObjectiveError(f"{path}: cannot be read ({error.strerror}); give an existing TOML file") from error


def _build(data: Mapping[str, Any], origin: _Origin) -> Objectives:
    for name in data["targets"].keys() - UNITS.keys():
        raise origin.error(name, f"unknown target. {nearest(name, UNITS)}")
    policy = data["policy"]
    if policy["client_errors"] not in CLIENT_ERRORS:
        raise origin.error("client_errors", f"write one of {', '.join(CLIENT_ERRORS)}")
    for service, own in data.get("services", {}).items():
        if not isinstance(own, dict):
            raise origin.error(service, f"a service's own objectives are written [services.{service}]")
        for key in own.keys() - UNITS.keys() - {"apdex_ms", "slo_ms", "bands"}:
            raise origin.error(key, f"[services.{service}] knows targets, apdex_ms, slo_ms and bands")
        _read(own.keys() & UNITS.keys(), own, origin)
    return Objectives(
        targets=_read(UNITS.keys(), data["targets"], origin),
        bands=tuple(_band(name, band, origin) for name, band in data["bands"].items()),
        recovery={name: _checked("rto", name, text, origin) for name, text in data["recovery"].items()},
        thresholds={name: _positive(name, value, origin) for name, value in data["latency"].items()},
        client_errors=policy["client_errors"],
        down_impacts=tuple(policy["down_impacts"]),
        services=data.get("services", {}),
    )


def _read(names: Any, entries: Mapping[str, Any], origin: _Origin) -> dict[str, float]:
    return {name: _checked(name, name, entries[name], origin) for name in names}


def _checked(kpi: str, name: str, value: Any, origin: _Origin) -> float:
    try:
        return _quantity(kpi, value)
    except ValueError as error:
        raise origin.error(name, str(error)) from error


def _positive(name: str, value: Any, origin: _Origin) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise origin.error(name, f"write milliseconds above 0, such as 500, not {value!r}")
    return float(value)


def _band(name: str, band: Mapping[str, Any], origin: _Origin) -> Band:
    for key in ("measure", "normal", "critical"):
        if key not in band:
            raise origin.error(name, f"a band needs {key}")
    for key in band.keys() - {"measure", "normal", "critical", "services"}:
        raise origin.error(key, "a band knows measure, normal, critical, services")
    if band["normal"] == band["critical"]:
        raise origin.error(name, "normal and critical must differ: their order tells which side is better")
    return Band(name, band["measure"], float(band["normal"]), float(band["critical"]),
                tuple(band.get("services", ())))


def _quantity(kpi: str, value: Any) -> float:
    """A target in the unit of its KPI: a ratio stays a number, a duration is text with a unit."""
    if UNITS[kpi] == "ratio":
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
            raise ValueError(f"write a ratio between 0 and 1, such as 0.9995 for 99.95 %, not {value!r}")
        return float(value)
    found = _DURATION.match(str(value))
    if not found or float(found[1]) == 0:
        raise ValueError(f'write a duration above 0 such as "15m", "90s" or "500ms", not {value!r}')
    return float(found[1]) * _SECONDS[found[2]] * (1000.0 if UNITS[kpi] == "ms" else 1.0)
