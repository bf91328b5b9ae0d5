"""Screens: frames, receipts and incidents as a person or a machine reads them at the shell."""

from erp_telemetry.cli.screens.advice import typed
from erp_telemetry.cli.screens.answers import print_answer, print_queries
from erp_telemetry.cli.screens.health import print_episodes, print_held
from erp_telemetry.cli.screens.incidents import incident_row, print_incidents
from erp_telemetry.cli.screens.logs import print_logs
from erp_telemetry.cli.screens.progress import progress
from erp_telemetry.cli.screens.readings import measures, print_measures, print_readings
from erp_telemetry.cli.screens.receipts import has_failed, print_receipt, print_taken, receipt_row, warn_unknown
from erp_telemetry.cli.screens.scorecards import bars, print_health, print_scorecard
from erp_telemetry.cli.screens.secrets import secrets
from erp_telemetry.cli.screens.tables import Column, print_table
from erp_telemetry.cli.screens.text import (
    WHOLE,
    aside,
    clean,
    finish,
    print_json,
    print_plain,
    safe,
    say,
    screen,
    settle,
    state,
    warn,
    warn_hidden,
)

__all__ = [
    "WHOLE",
    "Column",
    "aside",
    "bars",
    "clean",
    "finish",
    "has_failed",
    "incident_row",
    "measures",
    "print_answer",
    "print_episodes",
    "print_health",
    "print_held",
    "print_incidents",
    "print_json",
    "print_logs",
    "print_measures",
    "print_plain",
    "print_queries",
    "print_readings",
    "print_receipt",
    "print_scorecard",
    "print_table",
    "print_taken",
    "progress",
    "receipt_row",
    "safe",
    "say",
    "screen",
    "secrets",
    "settle",
    "state",
    "typed",
    "warn",
    "warn_hidden",
    "warn_unknown",
]
