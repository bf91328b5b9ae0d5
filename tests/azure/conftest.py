from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the machine must not stand between a test and its own loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
