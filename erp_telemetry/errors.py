"""Every error and warning of the library, drawn as a tree.

::

    TelemetryError                anything this library refuses to do
    ├── SourceError               a source did not answer as asked
    │   ├── SourceUnreachable       network, sign-in, throttling: try again or sign in
    │   └── PartialAnswer           the answer was cut short and could not be completed
    ├── FrameError                a frame is not as schema.py says
    ├── QueryError                an unknown measure, a step that cannot be answered, a bad header
    ├── ObjectiveError            an objective that cannot be: file, line, what to write instead
    ├── StoreError                locked by another process, written by a newer version, damaged
    └── NotEnoughReadings         a model was given n readings and needs m

    UserWarning
    └── ShortfallWarning          an answer stands on a store that is known to lack rows of its window

Wrong arguments stay ``ValueError``. A message says what happened, with the facts, then what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TelemetryError(Exception):
    """Anything this library refuses to do."""


class SourceError(TelemetryError):
    """A source did not answer as asked."""


class SourceUnreachable(SourceError):
    """Network, sign-in or throttling: try again or sign in."""


class PartialAnswer(SourceError):
    """The answer was cut short and could not be completed."""


class FrameError(TelemetryError):
    """A frame is not as ``schema.py`` says: names frame, column, found, wanted."""


class QueryError(TelemetryError):
    """An unknown measure, a step that cannot be answered, or a header that does not parse."""


class ObjectiveError(TelemetryError):
    """An objective that cannot be: file, line, what to write instead."""


class StoreError(TelemetryError):
    """Locked by another process, written by a newer version, or damaged."""


class NotEnoughReadings(TelemetryError):
    """A model was given n readings and needs m."""


class ShortfallWarning(UserWarning):
    """An answer stands on a store that is known to lack rows of its window: a pull was told to keep a part."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known names are nearest to an unknown one, ready to follow a message.

    >>> nearest("latency_p59", ["latency_p95", "latency_p99", "apdex"])
    'Did you mean: latency_p95, latency_p99?'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"Did you mean: {', '.join(sorted(close))}?"
    return f"Known: {', '.join(names)}."
