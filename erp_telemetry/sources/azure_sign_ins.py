"""Sign-ins: who signs in where nobody is named, tokens, and what it means when nobody can, in one line."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any

from erp_telemetry.errors import SourceError
from erp_telemetry.redactions import excerpt

if TYPE_CHECKING:
    from azure.core.pipeline.policies import HTTPPolicy

# a token that ends sooner is not sent: the answer may take as long
_LEAST_SECONDS = 300
_SIGN_IN = "sign in again (az login), or check what credential= is"
_NOBODY = "run az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or pass credential="
# what Microsoft Entra says no with, by number
_ADVICE = {
    "7000222": "the client secret is too old: make a new one in the portal (App registrations, Certificates & secrets)",
    "7000215": "AZURE_CLIENT_SECRET is the value of a client secret, not its id: check it",
    "700016": "the application is not in this tenant: check AZURE_CLIENT_ID and AZURE_TENANT_ID",
    "90002": "there is no such tenant: check AZURE_TENANT_ID, and AZURE_AUTHORITY_HOST for another cloud",
}
_ENTRA = re.compile(r"AADSTS(\d+): ([^\n]*?)(?:\.\s|\.?\s*Trace ID|\n|$)")
_FAILED = re.compile(r"Authentication failed: ([^\n]*)")
_HOST = re.compile(r"host='([^']+)'(?:, port=(\d+))?|authority configuration for https://([^/\s]+)")
_ERRNO = re.compile(r"\[Errno -?\d+\] ([^\"')]+)")
_UNREACHED = re.compile(r"Failed to (?:establish|resolve)|Max retries|timed out|Connection \w+|RemoteDisconnected")


def default_credential() -> Any:
    """What signs in where no credential is given: environment, managed identity, ``az login`` and others.

    Raises:
        SourceError: azure-identity is not installed, or the environment says what cannot be.
    """
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise SourceError("signing in needs the package azure-identity: pip install 'erp-telemetry[azure]', or pass "
                          "credential=, any object with get_token") from error
    try:
        return DefaultAzureCredential()
    except ValueError as error:
        raise SourceError(f"nobody can sign in with what the environment says ({excerpt(str(error))}): check "
                          "AZURE_TENANT_ID and AZURE_AUTHORITY_HOST") from error


class SignInFailed(Exception):
    """Why nobody could be signed in, and what to do; ``host`` is whom that failed with, empty where nobody tells."""

    def __init__(self, message: str, advice: str, host: str) -> None:
        super().__init__(message)
        self.advice, self.host = advice, host


class SignIn:
    """Tokens of a credential, asked for by one thread at a time, and held until they end or are refused."""

    def __init__(self, credential: Any) -> None:
        self._credential = credential
        self._lock = threading.Lock()
        self._held: Any = None

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """A token that is good for some minutes at least.

        Raises:
            SignInFailed: the credential gave none.
            SourceError: what it gave is none.
        """
        from azure.core.exceptions import AzureError

        with self._lock:
            if options or self._held is None or self._held.expires_on - time.time() < _LEAST_SECONDS:
                try:
                    self._held = _checked(self._credential.get_token(*scopes, **options))
                except (AzureError, OSError) as error:
                    raise SignInFailed(*reason(error), _host(str(error))) from error
            return self._held

    def forget(self, token: str) -> None:
        """Ask for another one the next time: this one was refused."""
        with self._lock:
            if self._held is not None and self._held.token == token:
                self._held = None

    def policy(self, scope: str) -> HTTPPolicy[Any, Any]:
        """Signs each request of the client."""
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy, HTTPPolicy

        class Signing(HTTPPolicy[Any, Any]):
            """The client's own policy, made anew for each request: it keeps a token that other threads may drop."""

            def send(self, request: Any) -> Any:
                signing = BearerTokenCredentialPolicy[Any, Any](sign_in, scope)
                signing.next = self.next
                response = signing.send(request)
                if response.http_response.status_code == 401:
                    sign_in.forget(request.http_request.headers.get("Authorization", "").removeprefix("Bearer "))
                return response

        sign_in = self
        return Signing()


def _checked(token: Any) -> Any:
    if isinstance(getattr(token, "token", None), str) and isinstance(getattr(token, "expires_on", None), int | float):
        return token
    raise SourceError(f"credential gave no token, which has token and expires_on, but {type(token).__name__}: check "
                      "its get_token")


def _host(text: str) -> str:
    """Whom a sign-in failed to reach, out of what it says; links to documentation are none."""
    failed = _FAILED.search(text)
    found = _HOST.search(failed[1] if failed else text)
    if found is None:
        return ""
    return excerpt(found[3] or (found[1] if found[2] in (None, "443") else f"{found[1]}:{found[2]}"))


def reason(error: Exception) -> tuple[str, str]:
    """Why a sign-in failed, and what to do."""
    text = str(error)
    if entra := _ENTRA.search(text):
        return f"sign-in failed (AADSTS{entra[1]}: {excerpt(entra[2])})", _ADVICE.get(entra[1], _SIGN_IN)
    failed = _FAILED.search(text)
    if not failed and "DefaultAzureCredential failed" in text:
        return "nobody is signed in on this machine", _NOBODY
    if not failed and _is_unavailable(error):
        return f"nobody is signed in ({_first(text, error)})", _NOBODY
    said = failed[1] if failed else text
    if "authority configuration" in said:
        return f"sign-in failed ({excerpt(said.partition('. ')[0])})", _ADVICE["90002"]
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return "the certificate of the sign-in is not trusted", ("a proxy that opens TLS stands in the way: set "
                                                                  "REQUESTS_CA_BUNDLE to its authority")
    if _UNREACHED.search(said):
        lowest = _ERRNO.findall(said)
        cause = excerpt(lowest[-1] if lowest else said)
        if "proxy" in said.lower():
            return (f"the proxy does not let the sign-in through ({cause})",
                    "check HTTPS_PROXY, which may need a user and password in it")
        return f"no way to the sign-in ({cause})", "check the network, and HTTPS_PROXY where one is needed"
    return f"sign-in failed ({_first(said, error)})", _SIGN_IN


def _is_unavailable(error: Exception) -> bool:
    # by name: azure-identity may not be there, and another credential may have raised it
    return type(error).__name__ == "CredentialUnavailableError"


def _first(text: str, error: Exception) -> str:
    return excerpt(text.splitlines()[0] if text else type(error).__name__)
