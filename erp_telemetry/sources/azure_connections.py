"""Connections to a workspace: each is known from its first packet on, so that whoever waits on one can be let go."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from requests import Session

# how long one attempt to connect may last: an attempt cannot be cut, only not be followed by another
_ATTEMPT_SECONDS = 2.0


class Connections:
    """The connections of one client; ``cut`` ends whatever any thread waits for on them."""

    def __init__(self) -> None:
        # that nobody's certificate is looked at was said when the source was made, and not for each connection
        self.is_told_unverified = False
        self._lock = threading.Lock()
        self._open: WeakSet[socket.socket] = WeakSet()
        self.cuts = 0

    def cut(self) -> None:
        """Hang up on every connection: a read that waits fails at once, and so does one that begins later on it."""
        with self._lock:
            self.cuts += 1
            still = list(self._open)
        for line in still:
            _hang_up(line)

    def add(self, line: socket.socket, cuts: int) -> None:
        """Know a connection; it is hung up on where all were cut since its making began."""
        with self._lock:
            self._open.add(line)
            is_late = cuts != self.cuts
        if is_late:
            _hang_up(line)

    def session(self) -> Session:
        """A session of the client's HTTP library whose connections are known here."""
        from requests import Session
        from requests.adapters import HTTPAdapter

        pool = _pool(self)

        class Adapter(HTTPAdapter):
            """Makes connections of ours, through a proxy too."""

            def init_poolmanager(self, *given: Any, **named: Any) -> None:
                super().init_poolmanager(*given, **named)
                self.poolmanager.pool_classes_by_scheme = {"https": pool}

            def proxy_manager_for(self, *given: Any, **named: Any) -> Any:
                made = super().proxy_manager_for(*given, **named)
                made.pool_classes_by_scheme = {**made.pool_classes_by_scheme, "https": pool}
                return made

        made = Session()
        made.mount("https://", Adapter())
        return made


def _pool(known: Connections) -> type[Any]:
    """A kind of pool whose connections make themselves known."""
    from urllib3 import HTTPSConnectionPool

    class Pool(HTTPSConnectionPool):
        """Connections of ours to one host."""

        ConnectionCls = _line(known)

    return Pool


def _line(known: Connections) -> type[Any]:
    """A kind of connection that can be cut while it shakes hands, and while it waits for an answer."""
    from urllib3.connection import HTTPSConnection

    class Line(HTTPSConnection):
        """Makes itself known."""

        _cuts = 0
        _spare: socket.socket | None = None

        def _new_conn(self) -> socket.socket:
            made = _connected(self, super()._new_conn, lambda: self._cuts != known.cuts)
            # shaking hands takes the socket over: a second handle on it can hang up meanwhile
            self._spare = made.dup()
            known.add(self._spare, self._cuts)
            return made

        def connect(self) -> None:
            self._cuts = known.cuts
            try:
                super().connect()
            finally:
                if self._spare is not None:
                    self._spare.close()
                    self._spare = None
            known.add(getattr(self.sock, "socket", self.sock), self._cuts)
            # the library warns of every request on a connection that is not
            self.is_verified = self.is_verified or known.is_told_unverified

    return Line


def _connected(line: Any, attempt: Callable[[], socket.socket], is_cut: Callable[[], bool]) -> socket.socket:
    """Connect by short attempts, as long in all as the line has patience, and not once more after it was cut."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    patience, begun = line.timeout, time.monotonic()
    seconds = patience if isinstance(patience, int | float) else _ATTEMPT_SECONDS
    try:
        while True:
            left = seconds - (time.monotonic() - begun)
            line.timeout = max(0.001, min(_ATTEMPT_SECONDS, left))
            try:
                made = attempt()
                made.settimeout(seconds)
                return made
            except ConnectTimeoutError as error:
                # a refusal is of this kind too
                if isinstance(error, NewConnectionError) or is_cut() or left <= _ATTEMPT_SECONDS:
                    raise
    finally:
        line.timeout = patience


def _hang_up(line: socket.socket) -> None:
    # below TLS: its state belongs to the thread that reads; what is closed already needs nothing
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)
