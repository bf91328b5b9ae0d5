"""Log lines of the client: what it says of a failure that we tell in our own words is said once.

Where nobody has set up logging, Python itself writes warnings to the terminal. Of these only are those left out
that the client writes within our own calls; whoever has set up logging gets every line, as does everyone else.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CLIENT = ("azure", "msal", "msal_extensions", "urllib3", "requests")
_within = threading.local()


class _Unheard(logging.Filter):
    """Lets nothing pass that the client says in a thread that is asking."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (getattr(_within, "is_asking", False) and record.name.partition(".")[0] in _CLIENT)


_UNHEARD = _Unheard()


@contextmanager
def unheard() -> Iterator[None]:
    """Keep what the client says within from a terminal that nobody meant it for."""
    last = logging.lastResort
    if last is not None:
        # once is enough: a filter that is there already is not added again
        last.addFilter(_UNHEARD)
    before = getattr(_within, "is_asking", False)
    _within.is_asking = True
    try:
        yield
    finally:
        _within.is_asking = before
