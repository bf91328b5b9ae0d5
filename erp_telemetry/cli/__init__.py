"""The same verbs at the shell; speaks to the face only."""

from erp_telemetry.cli.commands import app, main

__all__ = ["app", "main"]
