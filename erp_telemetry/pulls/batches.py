"""Batches: the slices of a pull, read one after another or ahead in threads, and given out in their order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self

from erp_telemetry.slices import Batch, ReadsAhead, Slice, Source

_GRACE_SECONDS = 2.0


class Batches:
    """Reads the slices of a source ahead, as far as the source says, and frees what nobody took.

    A source that says nothing is read slice by slice, in the thread that asks.
    """

    def __init__(self, source: Source, parts: Sequence[Slice]) -> None:
        self.source = source
        self._left = list(reversed(parts))
        self._ahead = source.ahead if isinstance(source, ReadsAhead) else 0
        self._pool = ThreadPoolExecutor(self._ahead, "erp_telemetry_read") if self._ahead else None
        self._under_way: dict[str, Future[Batch]] = {}

    def __enter__(self) -> Self:
        return self

    def take(self, part: Slice) -> Batch:
        """The batch of the next slice; what reading it raised is raised here."""
        if self._pool is None:
            return self.source.read(part)
        while self._left and len(self._under_way) < self._ahead:
            self._start(self._left.pop())
        taken = self._under_way.pop(part.name)
        # the next one starts while this one lands
        if self._left:
            self._start(self._left.pop())
        return taken.result()

    def _start(self, part: Slice) -> None:
        assert self._pool is not None
        self._under_way[part.name] = self._pool.submit(self.source.read, part)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is None:
            return
        if kind is not None and isinstance(self.source, ReadsAhead):
            self.source.give_up()
        self._pool.shutdown(wait=False, cancel_futures=True)
        for future in self._under_way.values():
            future.add_done_callback(_free)
        # a read that waits for its first byte frees what it has when that comes
        wait(self._under_way.values(), timeout=_GRACE_SECONDS)


def _free(future: Future[Batch]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().close()
