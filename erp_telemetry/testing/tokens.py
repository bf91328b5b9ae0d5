"""Tokens: what a client signs in with, and what the service says to a wrong one."""

from __future__ import annotations

import re
import time
from typing import Any, NamedTuple

from erp_telemetry.testing.answers import Reply, refusal

AUDIENCE = "https://api.loganalytics.io"


class Token(NamedTuple):
    """A token and the second since 1970 at which it expires."""

    token: str
    expires_on: int


class Credential:
    """Signs in to the loopback, as a credential of the Azure SDKs does."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def get_token(self, *scopes: str, **options: Any) -> Token:
        """A token for the first scope."""
        return self._tokens.issue(scopes[0] if scopes else AUDIENCE)


class Tokens:
    """Issues tokens, tells good from bad, and lets all that were issued expire at a word."""

    def __init__(self) -> None:
        self.endpoint = AUDIENCE
        self._generation = 1

    def issue(self, scope: str) -> Token:
        """A token good for one audience and for an hour."""
        audience = scope.removesuffix("/.default").rstrip("/")
        return Token(f"loopback/{self._generation}/{audience}", int(time.time()) + 3600)

    def expire(self) -> None:
        """Let every token that was issued so far be expired."""
        self._generation += 1

    def refuse(self, header: str) -> Reply | None:
        """The service's no to an ``Authorization`` header, or nothing where it is good."""
        if not header:
            return Reply(401, refusal(
                "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."))
        found = re.fullmatch(r"Bearer loopback/(\d+)/(\S+)", header)
        if found is None:
            return Reply(403, refusal("InvalidAuthenticationToken", "The access token is invalid."))
        if int(found[1]) != self._generation:
            return Reply(401, refusal(
                "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than current UTC time."))
        if found[2] not in (AUDIENCE, self.endpoint):
            return Reply(403, refusal(
                "InvalidAuthenticationTokenAudience",
                f"The access token has been obtained from wrong audience or resource '{found[2]}'. It should exactly "
                f"match (including forward slash) with one of the allowed audiences '{AUDIENCE}'."))
        return None
