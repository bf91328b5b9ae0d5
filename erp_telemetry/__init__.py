"""Telemetry of an ERP in, answers out. Left of the store sources are read, right of it frames are made.

Every name here resolves when it is first used, so that importing the library costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from erp_telemetry import catalog
    from erp_telemetry.contexts import Context, context
    from erp_telemetry.errors import (
        FrameError,
        NotEnoughReadings,
        ObjectiveError,
        PartialAnswer,
        QueryError,
        ShortfallWarning,
        SourceError,
        SourceUnreachable,
        StoreError,
        TelemetryError,
    )
    from erp_telemetry.explanations import Explanation, explain
    from erp_telemetry.incidents import Incident, incidents
    from erp_telemetry.logs import LogAnalysis, logs
    from erp_telemetry.measures import measure
    from erp_telemetry.objectives import Objectives
    from erp_telemetry.pulls import pull
    from erp_telemetry.pulls.progress import Progress
    from erp_telemetry.pulls.receipts import Receipt, Reopened
    from erp_telemetry.quality import Quality, quality
    from erp_telemetry.quantities import readable
    from erp_telemetry.redactions import Redaction, redact
    from erp_telemetry.scorecards import score
    from erp_telemetry.slices import Batch, Reject, Slice, Source
    from erp_telemetry.sources.access_log_files import AccessLogFiles
    from erp_telemetry.sources.azure_files import AzureFiles
    from erp_telemetry.sources.azure_limits import AzureLimits
    from erp_telemetry.sources.azure_logs import AzureLogs
    from erp_telemetry.sources.frames import Frames
    from erp_telemetry.sources.incident_files import IncidentFiles
    from erp_telemetry.sources.kubernetes_files import KubernetesFiles
    from erp_telemetry.sources.load_test_files import LoadTestFiles
    from erp_telemetry.sources.otlp_files import OtlpFiles
    from erp_telemetry.sources.recognition import Recognised, recognise
    from erp_telemetry.sources.serilog_files import SerilogFiles
    from erp_telemetry.sources.table_files import TableFiles
    from erp_telemetry.states import health
    from erp_telemetry.states.episodes import episodes
    from erp_telemetry.store import Store
    from erp_telemetry.views.charts import chart
    from erp_telemetry.views.meters import Meter
    from erp_telemetry.views.reports import Report, report
    from erp_telemetry.views.theme import sparkline
    from erp_telemetry.window import Window

    __version__: str

__all__ = [
    "AccessLogFiles",
    "AzureFiles",
    "AzureLimits",
    "AzureLogs",
    "Batch",
    "Context",
    "Explanation",
    "FrameError",
    "Frames",
    "Incident",
    "IncidentFiles",
    "KubernetesFiles",
    "LoadTestFiles",
    "LogAnalysis",
    "Meter",
    "NotEnoughReadings",
    "ObjectiveError",
    "Objectives",
    "OtlpFiles",
    "PartialAnswer",
    "Progress",
    "Quality",
    "QueryError",
    "Receipt",
    "Recognised",
    "Redaction",
    "Reject",
    "Reopened",
    "Report",
    "SerilogFiles",
    "ShortfallWarning",
    "Slice",
    "Source",
    "SourceError",
    "SourceUnreachable",
    "Store",
    "StoreError",
    "TableFiles",
    "TelemetryError",
    "Window",
    "catalog",
    "chart",
    "context",
    "episodes",
    "explain",
    "health",
    "incidents",
    "logs",
    "measure",
    "pull",
    "quality",
    "readable",
    "recognise",
    "redact",
    "report",
    "score",
    "sparkline",
]

_HOME = {
    "AccessLogFiles": "sources.access_log_files",
    "AzureFiles": "sources.azure_files",
    "AzureLimits": "sources.azure_limits",
    "AzureLogs": "sources.azure_logs",
    "Batch": "slices",
    "Context": "contexts",
    "Explanation": "explanations",
    "FrameError": "errors",
    "Frames": "sources.frames",
    "Incident": "incidents",
    "IncidentFiles": "sources.incident_files",
    "KubernetesFiles": "sources.kubernetes_files",
    "LoadTestFiles": "sources.load_test_files",
    "LogAnalysis": "logs",
    "Meter": "views.meters",
    "NotEnoughReadings": "errors",
    "ObjectiveError": "errors",
    "Objectives": "objectives",
    "OtlpFiles": "sources.otlp_files",
    "PartialAnswer": "errors",
    "Progress": "pulls.progress",
    "Quality": "quality",
    "QueryError": "errors",
    "Receipt": "pulls.receipts",
    "Recognised": "sources.recognition",
    "Redaction": "redactions",
    "Reject": "slices",
    "Reopened": "pulls.receipts",
    "Report": "views.reports",
    "SerilogFiles": "sources.serilog_files",
    "ShortfallWarning": "errors",
    "Slice": "slices",
    "Source": "slices",
    "SourceError": "errors",
    "SourceUnreachable": "errors",
    "Store": "store",
    "StoreError": "errors",
    "TableFiles": "sources.table_files",
    "TelemetryError": "errors",
    "Window": "window",
    "chart": "views.charts",
    "context": "contexts",
    "episodes": "states.episodes",
    "explain": "explanations",
    "health": "states",
    "incidents": "incidents",
    "logs": "logs",
    "measure": "measures",
    "pull": "pulls",
    "quality": "quality",
    "readable": "quantities",
    "recognise": "sources.recognition",
    "redact": "redactions",
    "report": "views.reports",
    "score": "scorecards",
    "sparkline": "views.theme",
}


def __getattr__(name: str) -> Any:
    if name == "catalog":
        return import_module(f"{__name__}.catalog")
    if name == "__version__":
        return import_module("importlib.metadata").version("erp-telemetry")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _Face(ModuleType):
    """Keeps ``et.incidents`` the verb: importing the module of that name would bind the module here."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
