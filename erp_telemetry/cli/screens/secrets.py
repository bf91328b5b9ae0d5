"""Secrets: hides them in what one command shows, and counts what it hid."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

import erp_telemetry as et

T = TypeVar("T")


@dataclass(slots=True)
class Secrets:
    """What one command hides; a command may be told to show them."""

    is_shown: bool = False
    hidden: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """Forget what another command in this process hid or was told."""
        self.is_shown = False
        self.hidden.clear()

    def hide(self, what: T) -> T:
        """A text, a row or a frame with a mark where each secret stood, and counted."""
        if self.is_shown:
            return what
        found = et.redact(what)
        self.hidden.update(found.counts)
        return found.value

    def hide_uncounted(self, text: str) -> str:
        """As ``hide``, for what is only passing by, such as a bar of progress."""
        return text if self.is_shown else et.redact(text).value


secrets = Secrets()
