"""Excerpts: how a long text begins, without secrets: redacted before it is cut, or half a secret would stay."""

from __future__ import annotations

from erp_telemetry.redactions.redaction import redact

LENGTH = 200
_LOOKED_AT = 4000


def excerpt(text: object, length: int = LENGTH) -> str:
    """The beginning of a line or value, of at most ``length`` characters, with marks where secrets stood."""
    looked_at = str(text)
    if len(looked_at) > _LOOKED_AT:
        # the last word may be half of one
        looked_at = looked_at[:_LOOKED_AT].rpartition(" ")[0] or looked_at[:_LOOKED_AT]
    return redact(looked_at).value[:length]
