"""The same verbs at the shell; speaks to the face only."""

from erp_telemetry.cli.app import app, main

__all__ = ["app", "main"]
