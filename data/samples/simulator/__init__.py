"""A seeded simulator of a small ERP: telemetry in every supported format and the truth about it."""
