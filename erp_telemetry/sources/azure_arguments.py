"""Arguments of AzureLogs: each is read, or refused at once by its name, before anything is asked of anyone."""

from __future__ import annotations

import inspect
import re
import ssl
import warnings
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from erp_telemetry.errors import nearest
from erp_telemetry.redactions import excerpt
from erp_telemetry.sources.azure_limits import AzureLimits

# the names by which OpenSSL finds an authority in a folder
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
_PEM = (".pem", ".crt", ".cer")


def check_kinds(workspace: object, credential: object, limits: object, allow_partial: object) -> None:
    """Raise ``TypeError`` where one of these is of another type; a value is not shown, for it may be a secret."""
    if not isinstance(workspace, str):
        raise TypeError(f"workspace is text, the GUID of its Overview page, not {_kind(workspace)}")
    if not isinstance(limits, AzureLimits):
        raise TypeError(f"limits are AzureLimits(…), not {_kind(limits)}")
    if not isinstance(allow_partial, bool):
        raise TypeError(f"allow_partial is True or False, not {_kind(allow_partial)}")
    if credential is None:
        return
    asks = getattr(credential, "get_token", None)
    if isinstance(credential, type) or not callable(asks):
        raise TypeError("credential is an object with get_token, such as DefaultAzureCredential(), not "
                        f"{_kind(credential)}")
    if inspect.iscoroutinefunction(asks):
        raise TypeError(f"credential is awaited ({_kind(credential)}): give the one of azure.identity, not of "
                        "azure.identity.aio")


def names(told: object, argument: str, known: Iterable[str], where: str) -> tuple[str, ...]:
    """Names of tables, each of which there is a query for.

    Raises ``TypeError`` where it is no text and no list of texts, ``ValueError`` where a name is not known.
    """
    listed = (told,) if isinstance(told, str) else tuple(told) if isinstance(told, Iterable) else (None,)
    found = tuple(dict.fromkeys(one for one in listed if isinstance(one, str)))
    if isinstance(told, bytes) or not all(isinstance(one, str) for one in listed):
        raise TypeError(f"{argument} are names of Azure tables, such as {argument}=('AppRequests',), not {_kind(told)}"
                        + (f" of {_kind(listed[0])}" if isinstance(told, list | tuple) and listed else ""))
    reads = set(known)
    for name in found:
        if name not in reads:
            raise ValueError(f"no query in {where} reads {excerpt(repr(name))}. {nearest(name, reads)}")
    return found


def folder(told: object) -> Path:
    """A folder of queries; whether it is there is told when they are read."""
    if not isinstance(told, str | Path):
        raise TypeError(f"queries is a folder with .kql files of yours, such as 'queries/own', not {_kind(told)}")
    return Path(told)


def endpoint(told: object) -> str:
    """Where a workspace is asked, without the version that the client adds."""
    if not isinstance(told, str):
        raise TypeError(f"endpoint is text, such as 'https://api.loganalytics.us', not {_kind(told)}")
    if not told.startswith("https://"):
        raise ValueError(f"a token is sent over https only, not to {excerpt(repr(told))}")
    try:
        read = urlsplit(told)
        is_one = bool(read.hostname) and read.port != 0 and not re.search(r"[\s\\]", told)
    except ValueError:
        is_one = False
    if not is_one or read.username is not None or read.password is not None or read.query or read.fragment:
        raise ValueError("endpoint is an address with a host and nothing behind it, such as "
                         "'https://api.loganalytics.us'; without a user, and without a query")
    return told.rstrip("/").removesuffix("/v1")


def authorities(told: object) -> bool | str:
    """Whom to trust: the authorities of the machine, those of a file or folder that can be read, or anyone."""
    if isinstance(told, bool):
        return told
    if not isinstance(told, str | Path):
        raise TypeError("connection_verify is True, False, or the path of a file or folder of authorities, not "
                        f"{_kind(told)}")
    path = Path(told)
    if not str(told) or not path.exists():
        raise ValueError(f"connection_verify is no file: {told}; it holds the authorities to trust, as PEM")
    if not path.is_dir():
        _load(path)
        return str(told)
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in _PEM or _HASHED.fullmatch(file.name))
    for file in files:
        _load(file)
    if not any(_HASHED.fullmatch(file.name) for file in files):
        raise ValueError(f"connection_verify is a folder in which no authority would be found: {told}; run openssl "
                         "rehash on it, or give one file with all of them as PEM")
    return str(told)


def warn_unverified(depth: int) -> None:
    """Say once, ``depth`` frames up, what it means that nobody's certificate is looked at."""
    warnings.warn("connection_verify is False: nobody's certificate is looked at, so whoever stands between reads the "
                  "token and may change answers; give the PEM of a proxy's authority instead", stacklevel=depth + 1)


def _load(file: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except ssl.SSLError as error:
        raise ValueError(f"connection_verify is no PEM of authorities: {file} ({error.reason or error})") from error
    except OSError as error:
        raise ValueError(f"connection_verify cannot be read: {file} ({error.strerror})") from error


def _kind(value: object) -> str:
    return f"the class {value.__name__} itself" if isinstance(value, type) else type(value).__name__
