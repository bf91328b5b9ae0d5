"""Failures of a workspace: what the service or the network said, in one line with what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from erp_telemetry.errors import SourceError, SourceUnreachable
from erp_telemetry.quantities import clean
from erp_telemetry.redactions import excerpt
from erp_telemetry.sources import azure_sign_ins
from erp_telemetry.sources.azure_scopes import Scope

# asked again at the same size these fail again, and keep the service busy for minutes
_TOO_MUCH = ("E_QUERY_RESULT_SET_TOO_LARGE", "E_RUNAWAY", "E_LOW_MEMORY", "-2133196797", "-2133196802",
             "ResponsePayloadTooLarge", "ResponseSizeError", "GatewayTimeout", "QueryTimeout", "timed out")
_PASSING = (408, 429, 500, 502, 503, 529)
_MOST_LAYERS = 10
_NOT_THERE = ("SEM0100", "Failed to resolve table")
_SIGN_IN = ("sign in again (az login); for another cloud give endpoint=, and a credential whose tokens are for the Log "
            "Analytics API")
PAGE_ADVICE = ("a proxy or a sign-in page stands in the way: check HTTPS_PROXY and NO_PROXY, and open the address in a "
               "browser")
_BY_SEARCH = "UnsupportedApiQueryValidationError"


class TooMuch(SourceError):
    """The service could not answer a question whole, or not in time; ``path`` holds what came.

    Who asked says what to do, which is to ask for less while that is possible.
    """

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class NeedsSearch(SourceError):
    """The table is on the Basic or Auxiliary plan, which another endpoint answers."""


class NotUnderstood(SourceError):
    """The service does not know a name in the query; ``names_table`` where it may be that of a table."""

    def __init__(self, message: str, names_table: bool) -> None:
        super().__init__(message)
        self.names_table = names_table


class Busy(Exception):
    """The service, or the way to it, failed; ``is_passing`` where asking again may help.

    ``is_reached`` is false where nobody answered at all; ``place`` is what failed where it is not the service.
    """

    def __init__(self, message: str, advice: str, is_passing: bool = True, pause_seconds: float | None = None,
                 is_reached: bool = True, place: str | None = None) -> None:
        super().__init__(message)
        self.advice, self.is_passing, self.pause_seconds = advice, is_passing, pause_seconds
        self.is_reached, self.place = is_reached, place

    def reason(self, endpoint: str, attempts: int) -> SourceUnreachable:
        """The error to raise in the end."""
        times = "" if attempts == 1 else f" ({attempts} times)"
        place = endpoint if self.place is None else self.place
        return SourceUnreachable(f"{place}{': ' if place else ''}{self}{times}: {self.advice}")


class TokenRefused(Busy):
    """The service does not take a token, which may have ended meanwhile."""


@contextmanager
def told(endpoint: str) -> Iterator[None]:
    """Say what the network or the sign-in failed of in our own words."""
    from azure.core import exceptions

    try:
        yield
    except azure_sign_ins.SignInFailed as error:
        raise Busy(str(error), error.advice, is_passing=False, place=error.host) from error
    except (exceptions.ServiceResponseTimeoutError, exceptions.ServiceRequestTimeoutError) as error:
        if isinstance(error, exceptions.ServiceRequestTimeoutError):
            raise Busy("no connection in time", "check the network, and HTTPS_PROXY where one is needed",
                       is_reached=False) from error
        raise TooMuch(f"no answer of {endpoint} in time") from error
    except exceptions.ServiceRequestError as error:
        raise _unconnected(str(error), _innermost_cause(error)) from error
    except exceptions.AzureError as error:
        raise Busy(f"the connection broke ({_innermost_cause(error)})", "check the network and pull again") from error


def _innermost_cause(error: BaseException) -> str:
    """What the lowest layer said of a failure: those above wrap it, each in another way."""
    at = error
    for _ in range(_MOST_LAYERS):
        wrapped = (getattr(at, "inner_exception", None), getattr(at, "reason", None), *at.args, at.__cause__)
        below = next((one for one in wrapped if isinstance(one, BaseException)), None)
        if below is None:
            break
        at = below
    return _quoted(getattr(at, "strerror", None) or str(at) or type(at).__name__)


def _unconnected(text: str, cause: str) -> Busy:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return Busy("its certificate is not trusted", "a proxy that opens TLS stands in the way: pass its authority as "
                    "connection_verify='authority.pem'", is_passing=False)
    if "SSLError" in text:
        return Busy(f"no TLS with it ({cause})", "something stands in the way that does not speak TLS: check "
                    "the endpoint, and HTTPS_PROXY where one is needed", is_reached=False)
    if "ProxyError" in text or "proxy" in text.lower():
        return Busy(f"the proxy does not let it through ({cause})", "a proxy stands in the way: check HTTPS_PROXY, "
                    "which may need a user and password in it, or name the host in NO_PROXY", is_reached=False)
    return Busy(f"no connection ({cause})", "check the network and the endpoint, and HTTPS_PROXY where one is "
                "needed", is_reached=False)


def refuse(status: int, headers: Mapping[str, str], text: str, scope: Scope) -> None:
    """Raise what an answer that is not 200 means."""
    code, said = _error(text)
    told, is_page = f"{status} {said}".rstrip(), text.lstrip()[:1] == "<"
    if status in (413, 504) or (status in (400, 500) and any(mark in text for mark in _TOO_MUCH)):
        raise TooMuch(f"the service gave up ({told})")
    if status in _PASSING:
        advice = "pull again later: what came stays" if status != 429 else \
            "others ask this workspace too: pull again later, or lower concurrent= of AzureLimits"
        raise Busy(f"the service is busy ({told})", advice,
                   pause_seconds=_retry_after(headers.get("Retry-After")))
    if status == 204:
        raise Busy(f"{scope.title} answered nothing (204)", "either nothing was ever sent to it, or it is not the one "
                   f"that is meant: {scope.where}, and see that diagnostic settings send to it")
    if status == 401 and not is_page:
        raise TokenRefused(f"the token is refused ({told})", _SIGN_IN, is_passing=False)
    if status == 403 and "AuthenticationToken" in code:
        raise Busy(f"the token is refused ({told})", _SIGN_IN, is_passing=False)
    if status == 407:
        raise Busy("the proxy wants a sign-in (407)", "a proxy stands in the way: put its user into HTTPS_PROXY",
                   is_passing=False)
    if is_page:
        raise Busy(f"a web page where an answer was expected ({status})", PAGE_ADVICE, is_passing=False)
    if status == 403:
        raise Busy(f"no permission on {scope.title} ({told})",
                   "ask for the role Log Analytics Reader; a new role takes up to an hour", is_passing=False)
    if status == 404 and code:
        raise SourceError(f"no {scope.title} at this endpoint ({said}): {scope.where}")
    if status == 404:
        raise Busy(f"nothing is there ({told}), which is not what the service says of a workspace",
                   "check the endpoint, which is another in other clouds, and HTTPS_PROXY", is_passing=False)
    if status == 400 and _BY_SEARCH in text:
        raise NeedsSearch(f"a table has come onto the Basic or Auxiliary plan ({said}): pull again")
    if status == 400:
        raise NotUnderstood(f"the query is refused ({said})", any(mark in text for mark in _NOT_THERE))
    raise SourceError(f"an answer that nobody foresaw ({told}): pull again, or report it")


def too_much(error: Any, path: Path) -> TooMuch:
    """What a 200 that says it is not whole means."""
    said = _innermost(error)
    return TooMuch(f"the service answered in part ({said})", path)


def _error(text: str) -> tuple[str, str]:
    """Code and message of an error body; of what is none its beginning."""
    try:
        found = json.loads(text)
        error = found["error"]
        return str(error.get("code", "")), _innermost(error)
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", _quoted(text)


def _innermost(error: Any) -> str:
    """Code and message that say most: those of the innermost error."""
    at = error
    while isinstance(at, dict):
        details = at.get("details")
        inner = at.get("innererror") or (details[0] if isinstance(details, list) and details else None)
        if not isinstance(inner, dict):
            break
        at = inner
    if not isinstance(at, dict):
        return _quoted(str(at))
    return _quoted(" ".join(str(at[key]) for key in ("code", "message") if at.get(key)))


def _retry_after(text: str | None) -> float | None:
    """Seconds to wait, told as seconds or as a date; ``None`` where neither is."""
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.fromtimestamp(time.time(), UTC)).total_seconds())


def _short(error: Exception) -> str:
    return _quoted(str(error).splitlines()[0] if str(error) else type(error).__name__)


def _quoted(text: str) -> str:
    """What came from elsewhere, on one line, without secrets and without what a terminal could be steered by."""
    return excerpt(clean(" ".join(text.split())))
