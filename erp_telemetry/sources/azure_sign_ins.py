"""Sign-ins: who signs in where nobody is named, and what it means when nobody can, in one line."""

from __future__ import annotations

import re
from typing import Any

from erp_telemetry.errors import SourceError
from erp_telemetry.redactions import excerpt

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


def reason(error: Exception) -> tuple[str, str]:
    """Why a sign-in failed, and what to do."""
    text = str(error)
    if entra := _ENTRA.search(text):
        return f"sign-in failed (AADSTS{entra[1]}: {excerpt(entra[2])})", _ADVICE.get(entra[1], _SIGN_IN)
    failed = _FAILED.search(text)
    said = failed[1] if failed else ""
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
    if not failed and "DefaultAzureCredential failed" in text:
        return "nobody is signed in on this machine", _NOBODY
    if not failed and _is_unavailable(error):
        return f"nobody is signed in ({_first(text, error)})", _NOBODY
    return f"sign-in failed ({_first(said or text, error)})", _SIGN_IN


def _is_unavailable(error: Exception) -> bool:
    # by name: azure-identity may not be there, and another credential may have raised it
    return type(error).__name__ == "CredentialUnavailableError"


def _first(text: str, error: Exception) -> str:
    return excerpt(text.splitlines()[0] if text else type(error).__name__)
