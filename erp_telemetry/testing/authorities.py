"""An authority: where credentials of azure-identity sign in with a client secret, and how it says no."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs

from erp_telemetry.testing.answers import Reply
from erp_telemetry.testing.tokens import AUDIENCE, Tokens

TENANT = "22222222-3333-4444-8555-666666666666"
CLIENT = "33333333-4444-4555-8666-777777777777"
SECRET = "loopback~secret"
# what a credential calls a tenant whose authority is not to be checked with Microsoft
_ELSEWHERE = "adfs"
_ABOUT = re.compile(r"/([^/]+)(?:/v2\.0)?/\.well-known/openid-configuration")
_TOKEN = re.compile(r"/([^/]+)/oauth2/v2\.0/token")


class Authority:
    """Signs in one application of one tenant."""

    def __init__(self, tokens: Tokens) -> None:
        self.is_expired = False
        self._tokens = tokens

    def tell(self, path: str) -> Reply | None:
        """What the authority says of itself for a tenant; nothing where another page was asked for."""
        found = _ABOUT.fullmatch(path.partition("?")[0])
        if found is None:
            return None
        if found[1] not in (TENANT, _ELSEWHERE):
            return _no(400, "invalid_tenant", 90002, f"Tenant '{found[1]}' not found. Check to make sure you have the "
                       "correct tenant ID and are signing into the correct cloud.")
        here = f"{self._tokens.endpoint}/{found[1]}"
        return _yes({
            "issuer": f"{here}/v2.0", "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
            "token_endpoint": f"{here}/oauth2/v2.0/token"})

    def sign_in(self, path: str, body: bytes) -> Reply | None:
        """A token for a secret, or a no; nothing where it is no sign-in."""
        if _TOKEN.fullmatch(path.partition("?")[0]) is None:
            return None
        told = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        if told.get("grant_type") != "client_credentials":
            return _no(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if told.get("client_id") != CLIENT:
            return _no(400, "unauthorized_client", 700016, f"Application with identifier '{told.get('client_id')}' was "
                       "not found in the directory 'Loopback'.")
        if told.get("client_secret") != SECRET:
            return _no(401, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent "
                       "in the request is the client secret value, not the client secret ID, for a secret added to "
                       f"app '{CLIENT}'.")
        if self.is_expired:
            return _no(401, "invalid_client", 7000222, f"The provided client secret keys for app '{CLIENT}' are "
                       "expired. Visit the Azure portal to create new keys for your app: "
                       "https://aka.ms/NewClientSecret")
        token = self._tokens.issue(told.get("scope", AUDIENCE).split()[0])
        return _yes({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token.token})


def _yes(told: dict[str, Any]) -> Reply:
    return Reply(200, json.dumps(told).encode())


def _no(status: int, error: str, number: int, why: str) -> Reply:
    return Reply(status, json.dumps({
        "error": error, "error_codes": [number],
        "error_description": f"AADSTS{number}: {why} Trace ID: 00000000-0000-0000-0000-000000000000 Correlation ID: "
        "00000000-0000-0000-0000-000000000000 Timestamp: 2026-03-01 12:00:00Z"}).encode())
