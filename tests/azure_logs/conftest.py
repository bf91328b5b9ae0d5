"""A loopback at a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import polars as pl
import pytest

from .support import MINUTE, NOON

if TYPE_CHECKING:
    from erp_telemetry.testing import LoopbackAzure

Opening = Callable[..., "LoopbackAzure"]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opening]:
    """Open loopbacks with tables; their clock stands at half past noon, half an hour after the last row."""
    pytest.importorskip("duckdb_kql", reason="the loopback needs the extra testing")
    from erp_telemetry.testing import LoopbackAzure

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ExitStack() as held:
        def open_one(**tables: pl.DataFrame) -> LoopbackAzure:
            azure = held.enter_context(LoopbackAzure(tables))
            azure.clock = NOON + 30 * MINUTE
            return azure

        yield open_one
