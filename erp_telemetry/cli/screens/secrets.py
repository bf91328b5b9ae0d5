"""Secrets: hides them in what one command shows, and counts what it hid."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

import erp_telemetry as et

T = TypeVar("T")
_MARK = re.compile(r"\[redacted: ([a-z ]+?)(?: \d+)?\]")


@dataclass(slots=True)
class Secrets:
    """What one command hides; a command that has ``--secrets`` may be told to show them."""

    is_shown: bool = False
    can_show: bool = False
    hidden: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """Forget what another command in this process hid or was told."""
        self.is_shown = self.can_show = False
        self.hidden.clear()

    def hide(self, what: T) -> T:
        """A text, or a row of texts, with a mark where each secret stood."""
        return what if self.is_shown else et.redact(what).value

    def count(self, text: str) -> None:
        """Count the marks in what is about to be shown, whoever put them there: the library hides some itself."""
        self.hidden.update(_MARK.findall(text))


secrets = Secrets()
