"""What incident tools write: one module per tool, each with ``NAME``, ``records`` and ``rows``.

They are asked in the order of ``TOOLS``; the canonical form, which anything may resemble, comes last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from erp_telemetry.sources.incident_tools import (
    canonical,
    github,
    google_cloud,
    opsgenie,
    pagerduty,
    servicenow,
    statuspage,
)
from erp_telemetry.sources.incident_tools.entries import Tool

TOOLS: tuple[Tool, ...] = (pagerduty, statuspage, opsgenie, servicenow, google_cloud, github, canonical)


def tool_of(documents: Sequence[Any]) -> Tool | None:
    """The tool that most of some documents come from."""
    for tool in TOOLS:
        if 2 * sum(tool.records(document) is not None for document in documents) > len(documents):
            return tool
    return None
