"""Texts: puts marks where finds are: in plain text, in JSON text, and in values that nest.

Texts that stand together, such as the columns of one row, are one :class:`Passage`: a secret that one of
them names, ``"Token": "x7"``, is taken out of the others too, where nothing but its value shows.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from erp_telemetry.redactions import keyed
from erp_telemetry.redactions.kinds import Find, finds, may_hold

HIDDEN = (r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""What a reader does not see, and what would hide a name from a pattern: control characters, zero widths."""

_HIDDEN = re.compile(HIDDEN)
_MARK = re.compile(r"\[redacted: [a-z ]+\d*\]")
_JSON = re.compile(r"\s*[{\[]")
_start, _stop = itemgetter(0), itemgetter(1)
# shorter ones, and years, stand everywhere by chance
_LEAST = 4
_PLAIN_LEAST = 6


def mark(kind: str) -> str:
    """What stands where something was taken out."""
    return f"[redacted: {kind}]"


class Passage:
    """Texts and values that stand together: counts what it takes out and remembers secrets by their value."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.secrets: set[str] = set()

    def value(self, value: Any, is_secret: bool = False) -> Any:
        """A text, or a mapping or sequence of such, redacted; ``is_secret`` is said by the name above it."""
        if isinstance(value, str):
            return self._masked(value) if is_secret else self.text(value)
        if isinstance(value, bytes):
            plain = value.decode("utf-8", "replace")
            shown = self.value(plain, is_secret)
            return value if shown == plain else shown.encode()
        if isinstance(value, Mapping):
            return self._mapping(value, is_secret)
        if isinstance(value, list | tuple):
            return type(value)([self.value(one, is_secret) for one in value])
        if is_secret and isinstance(value, int | float) and not isinstance(value, bool):
            return self._masked(str(value))
        return value

    def text(self, text: str) -> str:
        """A text redacted; JSON is read, so that names decide and escapes hide nothing."""
        seen = _HIDDEN.sub("", text) if _HIDDEN.search(text) else text
        if not may_hold(seen):
            return text
        document = _document(text)
        if document is None:
            return self._plain(text, finds)
        shown = self._inside(document)
        return text if shown == document else _written(shown)

    def without(self, value: Any, secrets: Iterable[str]) -> Any:
        """The same value without these secrets, wherever they stand."""
        telling = [one for one in secrets if _is_telling(one)]
        if not telling:
            return value
        escaped = (json.dumps(one, ensure_ascii=is_ascii)[1:-1] for one in telling for is_ascii in (False, True))
        forms = {*telling, *escaped}
        longest = "|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form)))
        pattern = re.compile(rf"(?<![^\W_])(?:{longest})(?![^\W_])")
        return self._without(value, pattern)

    def _without(self, value: Any, pattern: re.Pattern[str]) -> Any:
        if isinstance(value, str):
            document = _document(value)
            if document is not None:
                shown = self._without(document, pattern)
                return value if shown == document else _written(shown)
            return self._plain(value, lambda text: (Find(*found.span(), "secret") for found in pattern.finditer(text)))
        if isinstance(value, int) and not isinstance(value, bool) and pattern.fullmatch(str(value)):
            self.counts["secret"] += 1
            return mark("secret")
        if isinstance(value, Mapping):
            return {name: self._without(inner, pattern) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([self._without(one, pattern) for one in value])
        return value

    def _inside(self, found: Any, is_secret: bool = False) -> Any:
        """A value read from JSON text, whose numbers may be card numbers."""
        if isinstance(found, Mapping | list):
            return self._mapping(found, is_secret, is_json=True) if isinstance(found, Mapping) else [
                self._inside(one, is_secret) for one in found]
        if isinstance(found, int) and not isinstance(found, bool) and not is_secret:
            shown = self.text(str(found))
            return found if shown == str(found) else shown
        return self.value(found, is_secret)

    def _mapping(self, found: Mapping[Any, Any], is_secret: bool, is_json: bool = False) -> dict[Any, Any]:
        # {"key": "password", "value": …}, as headers and OpenTelemetry attributes are written
        named = next((found[name] for name in ("key", "name", "Key", "Name") if isinstance(found.get(name), str)), "")
        made: dict[Any, Any] = {}
        for name, inner in found.items():
            is_named = isinstance(name, str) and (
                keyed.is_secret(name, inner) or (name in ("value", "Value") and keyed.is_secret(named, inner)))
            shown = self.text(name) if isinstance(name, str) else name
            while shown != name and shown in made:
                # two names may not become one
                shown += "'"
            made[shown] = (self._inside if is_json else self.value)(inner, is_secret or is_named)
        return made

    def _masked(self, text: str) -> str:
        seen = _HIDDEN.sub("", text)
        if keyed.is_hole(seen):
            return text
        self.counts["secret"] += 1
        self.secrets.update((seen, keyed.bare(seen)), (find.secret for find in finds(seen) if find.secret))
        return mark("secret")

    def _plain(self, text: str, finder: Any) -> str:
        """Marks for what a finder finds, until it finds no more: a mark may lay bare what stood beside it."""
        while True:
            seen, places = _seen(text)
            found = list(finder(seen))
            spans = _spans(seen, found)
            if not spans:
                return text
            self.secrets.update(one.secret for one in found if one.secret and not _MARK.search(one.secret))
            kept, at = [], 0
            for span in spans:
                kept.append(text[at:places[span.start]])
                at = places[span.stop - 1] + 1
                self.counts[span.kind] += 1
            kept.append(text[at:])
            marks = (*(mark(span.kind) for span in spans), "")
            text = "".join(part for pair in zip(kept, marks, strict=True) for part in pair)
            if finder is finds and not may_hold(" ".join(kept)):
                return text


def _document(text: str) -> Any:
    """What a text says as JSON; ``None`` where it is not an object or array."""
    if not _JSON.match(text):
        return None
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _written(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _is_telling(secret: str) -> bool:
    """Whether a secret is long enough to be looked for by its value alone."""
    if len(secret) >= _PLAIN_LEAST:
        return True
    return len(secret) >= _LEAST and not secret.isalpha() and not secret.isdigit()


def _seen(text: str) -> tuple[str, Any]:
    """A text without what a reader does not see, and where each of its letters stood."""
    if not _HIDDEN.search(text):
        return text, range(len(text))
    places: list[int] = []
    at = 0
    for hidden in _HIDDEN.finditer(text):
        places += range(at, hidden.start())
        at = hidden.end()
    places += range(at, len(text))
    return "".join(text[place] for place in places), places


def _spans(text: str, found: Iterable[Find]) -> list[Find]:
    """Finds in order, those that overlap made one; what lies inside a mark is none."""
    marks = [one.span() for one in _MARK.finditer(text)]
    spans: list[Find] = []
    for one in sorted(found, key=lambda find: (find.start, -find.stop)):
        touched = marks[bisect_right(marks, one.start, key=_stop):bisect_left(marks, one.stop, key=_start)]
        if one.start >= one.stop or any(start <= one.start and one.stop <= stop for start, stop in touched):
            continue
        start = min((one.start, *(start for start, _ in touched)))
        stop = max((one.stop, *(stop for _, stop in touched)))
        if spans and start < spans[-1].stop:
            last = spans.pop()
            spans.append(Find(last.start, max(stop, last.stop), last.kind))
        else:
            spans.append(Find(start, stop, one.kind))
    return spans
