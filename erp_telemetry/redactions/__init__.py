"""Redactions: secrets and personal data leave a text or a frame; a mark says what stood there."""

from __future__ import annotations

from erp_telemetry.redactions.excerpts import excerpt
from erp_telemetry.redactions.frames import redact_keys
from erp_telemetry.redactions.redaction import Redaction, redact

__all__ = ["Redaction", "excerpt", "redact", "redact_keys"]
