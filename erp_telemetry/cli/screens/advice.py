"""Advice: what the library says to do, as it is done at the shell."""

from __future__ import annotations

_TYPED = {
    "allow_partial=True": "--allow-partial",
    "pass its authority as connection_verify='authority.pem'": "give its authority by --authority authority.pem",
    "out of tables=": "out of --table", "by without=": "by --without ",
    "give as search_reach= of AzureLimits how": "give by --search-reach how",
    "give endpoint=, and a credential whose tokens are for the Log Analytics API": "give --endpoint, and sign in to it",
    "check what credential= is": "check AZURE_CLIENT_ID and the like, which it may sign in with",
    "lower concurrent= of AzureLimits": "lower --concurrent",
    "store.shortfalls(window) lists them": "erp-telemetry report lists them",
    ", or pass an aware datetime": "",
    "connection_verify is ": "--authority is ", "connection_verify cannot": "--authority cannot",
    ", or pass credential=, any object with get_token": "",
    ", or pass credential=": "",
}


def typed(said: str) -> str:
    """A message of the library with the options of the shell where it names arguments of Python.

    >>> typed("pull again, or with allow_partial=True keep what comes")
    'pull again, or with --allow-partial keep what comes'
    """
    for argument, option in _TYPED.items():
        said = said.replace(argument, option)
    return said
