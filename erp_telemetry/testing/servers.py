"""HTTPS on 127.0.0.1, a thread for each connection, head and body of an answer in one send."""

from __future__ import annotations

import ssl
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, SO_LINGER, SOL_SOCKET
from typing import Any

from erp_telemetry.testing.answers import Reply, refusal

Answering = Callable[[str, Mapping[str, str], bytes], Reply]
"""Path, headers by lower-case name and body of a POST, to what is answered."""
Telling = Callable[[str], Reply | None]
"""Path of a GET, to what is answered; nothing where it has no page."""


class TlsServer(ThreadingHTTPServer):
    """Serves POSTs and the pages it is given over TLS until it is closed; ``failures`` keeps what went wrong inside."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(
        self, certificate: Path, key: Path, answering: Answering, telling: Telling = lambda path: None
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answering = answering
        self.telling = telling
        self.failures: list[BaseException] = []
        self.closing = threading.Event()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        self._open: set[ssl.SSLSocket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="loopback azure")
        self._thread.start()

    def close(self) -> None:
        """Stop serving, drop the connections that are open, and wait for their threads."""
        self.closing.set()
        self.shutdown()
        self._thread.join()
        with self._lock:
            still = list(self._open)
        for connection in still:
            _drop(connection)
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, so that a slow client holds up nobody."""
        request.settimeout(30)
        with self._tls.wrap_socket(request, server_side=True) as connection:
            with self._lock:
                self._open.add(connection)
            try:
                if not self.closing.is_set():
                    super().finish_request(connection, client_address)
            finally:
                with self._lock:
                    self._open.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong here; a client that hangs up or distrusts the certificate is its own affair."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.failures.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: TlsServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.answering(self.path, headers, body)
        if reply.wait and self.server.closing.wait(reply.wait):
            self.close_connection = True
            return
        self._send(reply)

    def do_GET(self) -> None:
        refused = Reply(405, refusal("MethodNotAllowed", "The loopback answers POST only"))
        self._send(self.server.telling(self.path) or refused)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what was asked is in ``asked``."""

    def _send(self, reply: Reply) -> None:
        body = reply.body if reply.sent is None else reply.body[:max(reply.sent, 0)]
        if reply.is_chunked:
            body = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            body += b"0\r\n\r\n" if reply.sent is None else b""
        if reply.sent != -1:
            self.wfile.write(_head(reply) + body)
        if reply.sent is not None:
            self.close_connection = True
            if reply.is_reset:
                # with nothing left to linger for, closing resets
                self.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            else:
                _bid_farewell(self.connection)


def _head(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    if reply.status != HTTPStatus.NO_CONTENT:
        length = "Transfer-Encoding: chunked" if reply.is_chunked else f"Content-Length: {len(reply.body)}"
        lines += [f"Content-Type: {reply.kind}", length]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _bid_farewell(connection: ssl.SSLSocket) -> None:
    """Say that this was all, as a server does that believes it."""
    connection.settimeout(1)
    try:
        connection.unwrap()
    except (OSError, ValueError):
        return  # the other end was faster


def _drop(connection: Any) -> None:
    """Hang up without a farewell."""
    try:
        connection.shutdown(SHUT_RDWR)
    except OSError:
        return  # the other end was faster
