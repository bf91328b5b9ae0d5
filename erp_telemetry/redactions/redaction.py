"""Redaction: a text, a frame or nested values without what must not be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import polars as pl

from erp_telemetry.redactions.frames import redact_frame
from erp_telemetry.redactions.texts import Passage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Redaction(Generic[T]):
    """What may be shown, and how many marks of each kind were put into it."""

    value: T
    counts: Mapping[str, int]


def redact(what: T) -> Redaction[T]:
    """Take secrets and personal data out of a text, a frame, or mappings and sequences of texts.

    Where something stood is a mark, such as ``[redacted: email]``. Kinds: ``secret`` (a value under a name such
    as ``Password=`` or ``"token":``), ``connection string``, ``url password``, ``authorization``, ``token``
    (JWT), ``key`` (cloud and vendor keys), ``private key``, ``email``, ``card`` (issuer and Luhn), ``iban``
    (length and modulo 97). JSON inside a text is read: what stands under a secret name goes, whatever it looks
    like. In a frame a secret of one column leaves the other columns of its row too; a mapping is one row.
    What is clean comes back as it was; redacting twice equals redacting once.

    >>> redact("Login of jo@example.com, Password=Summer26")
    Redaction(value='Login of [redacted: email], Password=[redacted: secret]', counts={'email': 1, 'secret': 1})
    """
    if isinstance(what, pl.DataFrame):
        frame, counts = redact_frame(what)
        return Redaction(cast(T, frame), _counted(counts))
    passage = Passage()
    value = passage.value(what)
    value = passage.without(value, sorted(passage.secrets))
    return Redaction(value, _counted(passage.counts))


def _counted(counts: Mapping[str, int]) -> Mapping[str, int]:
    return dict(sorted(counts.items()))
