"""Objectives: what is wanted: targets, health bands, recovery objectives, thresholds, policy.

One TOML file says it all; ``objectives.toml`` beside this module holds the handbook's figures and
is the default. A file given by the user needs only what differs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from erp_telemetry import bands
from erp_telemetry.bands import Band
from erp_telemetry.errors import ObjectiveError, nearest

__all__ = ["Band", "Objectives"]

HANDBOOK = Path(__file__).with_name("objectives.toml")
UNITS = {"uptime": "ratio", "mttr": "s", "mttd": "s", "rto": "s", "rpo": "s",
         "error_ratio": "ratio", "latency_p99": "ms"}
"""The handbook's seven success metrics and the unit of each in the scorecard."""
HIGHER_IS_BETTER = frozenset({"uptime"})
CLIENT_ERRORS = ("good", "failed", "excluded")
_KEY = re.compile(r"""([\w-]+)|"([^"]*)"|'([^']*)'""")
_HEADER = re.compile(r"^\s*\[+([^\[\]]+)\]")
_ENTRY = re.compile(r"""^\s*((?:[\w.\s-]|"[^"]*"|'[^']*')+?)\s*=""")
_SECTIONS = ("policy", "latency", "targets", "recovery", "bands", "services")


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
            raise origin.error((section,), f"unknown section. {nearest(section, _SECTIONS)}")
        for section, entries in given.items():
            if not isinstance(entries, dict):
                raise origin.error((section,), f"a section is written [{section}]")
            if section == "bands":
                for name, band in entries.items():
                    if not isinstance(band, dict):
                        raise origin.error((section, name), f"a band is written [bands.{name}]")
                    base["bands"][name] = {**base["bands"].get(name, {}), **band}
            else:
                base[section] = {**base.get(section, {}), **entries}
        return _build(base, origin)

    @classmethod
    def wanted(cls, objectives: Objectives | None) -> Objectives:
        """These objectives, or the handbook's where none are given."""
        if objectives is None:
            return _handbook()
        if not isinstance(objectives, cls):
            raise TypeError(f"objectives are read first, as in Objectives.load('objectives.toml'), not {objectives!r}")
        return objectives

    def target(self, kpi: str, service: str | None = None) -> float:
        """The target of a success metric, for a service if it has its own; in the unit of UNITS."""
        own = self.services.get(service or "", {})
        return _quantity(kpi, own[kpi]) if kpi in own else self.targets[kpi]

    def threshold(self, name: str, service: str | None = None) -> float:
        """``apdex_ms`` or ``slo_ms``, for a service if it has its own."""
        return float(self.services.get(service or "", {}).get(name, self.thresholds[name]))

    def bands_of(self, service: str | None) -> tuple[Band, ...]:
        """The bands that hold for a service, with what it says of its own."""
        return self._bands_of(service, _Origin(None, ""))

    def _bands_of(self, service: str | None, origin: _Origin) -> tuple[Band, ...]:
        own = self.services.get(service or "", {}).get("bands", {})
        special = {band.measure for band in self.bands if service in band.services}
        return tuple(
            bands.overridden(band, own[band.name], origin.refusal("services", str(service), "bands", band.name))
            if band.name in own else band
            for band in self.bands
            # a band made for named services stands in for the general one of the same measure
            if (service in band.services) or (not band.services and band.measure not in special)
        )


@cache
def _handbook() -> Objectives:
    return Objectives.load()


@dataclass(frozen=True, slots=True)
class _Origin:
    path: Path | None
    text: str

    def error(self, place: tuple[str, ...], what: str) -> ObjectiveError:
        """An error at ``place``, keys from the outermost in: its line is that of the longest part that is written."""
        found = [(len(keys), -number) for number, keys in self._lines() if keys == place[:len(keys)]]
        said = f"{place[-1]}: {what}"
        if found:
            return ObjectiveError(f"{self.path}:{-max(found)[1]}: {said}")
        return ObjectiveError(said if self.path is None else f"{self.path}: {said}")

    def refusal(self, *place: str) -> bands.Refusal:
        """Makes errors at a place or at a key below it."""
        return lambda key, what: self.error(place if key is None else (*place, key), what)

    def _lines(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Each line that is a header or sets a key, with its keys from the outermost in."""
        table: tuple[str, ...] = ()
        for number, line in enumerate(self.text.splitlines(), 1):
            head = _HEADER.match(line)
            table = _keys(head[1]) if head else table
            entry = _ENTRY.match(line)
            if head or entry:
                yield number, (*table, *_keys(entry[1])) if entry else table


def _keys(dotted: str) -> tuple[str, ...]:
    return tuple("".join(found) for found in _KEY.findall(dotted))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ObjectiveError(f"{path}: is not text; give a TOML file in UTF-8") from error
    except OSError as error:
        raise ObjectiveError(f"{path}: cannot be read ({error.strerror}); give an existing TOML file") from error


def _build(data: Mapping[str, Any], origin: _Origin) -> Objectives:
    for name in data["targets"].keys() - UNITS.keys():
        raise origin.error(("targets", name), f"unknown target. {nearest(name, UNITS)}")
    policy = data["policy"]
    if policy["client_errors"] not in CLIENT_ERRORS:
        raise origin.error(("policy", "client_errors"), f"write one of {', '.join(CLIENT_ERRORS)}")
    for service, own in data.get("services", {}).items():
        _check_own(service, own, origin)
    wanted = Objectives(
        targets=_read(UNITS.keys(), data["targets"], origin, "targets"),
        bands=tuple(bands.read(name, band, origin.refusal("bands", name)) for name, band in data["bands"].items()),
        recovery={name: _checked("rto", ("recovery", name), text, origin) for name, text in data["recovery"].items()},
        thresholds={name: _positive(("latency", name), value, origin) for name, value in data["latency"].items()},
        client_errors=policy["client_errors"],
        down_impacts=tuple(policy["down_impacts"]),
        services=data.get("services", {}),
    )
    for service, own in wanted.services.items():
        held = [band.name for band in wanted._bands_of(service, origin)]
        for name in own.get("bands", {}).keys() - set(held):
            raise origin.error(("services", service, "bands", name),
                               f"no such band of {service}. {nearest(name, held)}")
    return wanted


def _check_own(service: str, own: Any, origin: _Origin) -> None:
    place = ("services", service)
    if not isinstance(own, dict):
        raise origin.error(place, f"a service's own objectives are written [services.{service}]")
    for key in own.keys() - UNITS.keys() - {"apdex_ms", "slo_ms", "bands"}:
        raise origin.error((*place, key), f"[services.{service}] knows targets, apdex_ms, slo_ms and bands")
    _read(own.keys() & UNITS.keys(), own, origin, *place)
    for name in own.keys() & {"apdex_ms", "slo_ms"}:
        _positive((*place, name), own[name], origin)
    changed = own.get("bands", {})
    if not isinstance(changed, dict) or not all(isinstance(band, dict) for band in changed.values()):
        raise origin.error((*place, "bands"), "write bands.cpu_band = { normal = 0.5, critical = 0.95 }")


def _read(names: Any, entries: Mapping[str, Any], origin: _Origin, *place: str) -> dict[str, float]:
    return {name: _checked(name, (*place, name), entries[name], origin) for name in names}


def _checked(kpi: str, place: tuple[str, ...], value: Any, origin: _Origin) -> float:
    try:
        return _quantity(kpi, value)
    except ValueError as error:
        raise origin.error(place, str(error)) from error


def _positive(place: tuple[str, ...], value: Any, origin: _Origin) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise origin.error(place, f"write milliseconds above 0, such as 500, not {value!r}")
    return float(value)


def _quantity(kpi: str, value: Any) -> float:
    """A target in the unit of its KPI: a ratio stays a number, a duration is text with a unit."""
    if UNITS[kpi] == "ratio":
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
            raise ValueError(f"write a ratio between 0 and 1, such as 0.9995 for 99.95 %, not {value!r}")
        return float(value)
    found = bands.seconds(value)
    if not found:
        raise ValueError(f'write a duration above 0 such as "15m", "90s" or "500ms", not {value!r}')
    return found * (1000.0 if UNITS[kpi] == "ms" else 1.0)
