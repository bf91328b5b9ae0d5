"""Serilog's compact JSON (CLEF) of orders, one file per day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.files import TextFile
from simulator.logs import LogEvent
from simulator.plan import START, iso

_BOM = b"\xef\xbb\xbf"
_NAMES = {"verbose": "Verbose", "debug": "Debug", "warning": "Warning", "error": "Error", "critical": "Fatal"}


class SerilogFiles:
    """Writes one CLEF file per day; the first begins with a byte order mark."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.rows = 0
        self.errors = 0

    def day(self, start: int, events: list[LogEvent]) -> None:
        """Write one day."""
        name = f"serilog/orders-{iso(start, 0)[:10].replace('-', '')}.clef.gz"
        file = TextFile(self._root, name, _BOM if start == START else b"")
        for event in events:
            self.rows += 1
            self.errors += event.level in ("error", "critical")
            file.record(_event(event, self.rows))
        file.close()


def _event(event: LogEvent, number: int) -> dict[str, Any]:
    value: dict[str, Any] = {"@t": iso(event.time, 7), "@mt": event.template}
    if number % 50 == 0:
        value["@m"] = event.message
    if event.level in _NAMES:
        value["@l"] = _NAMES[event.level]
    if event.exception:
        value["@x"] = event.stack
    if event.span:
        value |= {"@tr": event.span.trace_id, "@sp": event.span.span_id}
    if number == 7:
        value["@@version"] = "2026.6"
    return (
        value
        | event.properties
        | {"SourceContext": "Erp.Orders", "Application": "orders", "MachineName": event.instance}
    )
