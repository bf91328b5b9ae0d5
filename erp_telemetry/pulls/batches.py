"""Batches: the slices of a pull, read one after another or ahead in threads, and given out in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self

from erp_telemetry.slices import Batch, ReadsAhead, Slice, Source

_BEAT_SECONDS = 0.5
_GRACE_SECONDS = 5.0


class Batches:
    """Reads the slices of a source ahead, as far as the source says, and frees what nobody took.

    A source that says nothing is read slice by slice, in the thread that asks. ``beat`` is called now and then
    while one is waited for.
    """

    def __init__(self, source: Source, parts: Sequence[Slice], beat: Callable[[], None]) -> None:
        self.source = source
        self._beat = beat
        self._left = list(reversed(parts))
        self._ahead = source.ahead if isinstance(source, ReadsAhead) else 0
        self._pool = ThreadPoolExecutor(self._ahead, "erp_telemetry_read") if self._ahead else None
        self._under_way: dict[str, Future[Batch]] = {}
        self._taken: Future[Batch] | None = None

    def __enter__(self) -> Self:
        return self

    def take(self, part: Slice) -> Batch:
        """The batch of the next slice; what reading it raised is raised here."""
        if self._pool is None:
            return self.source.read(part)
        while self._left and len(self._under_way) < self._ahead:
            self._start(self._left.pop())
        self._taken = self._under_way[part.name]
        # the next one starts while this one lands
        if self._left and len(self._under_way) <= self._ahead:
            self._start(self._left.pop())
        while not wait((self._taken,), timeout=_BEAT_SECONDS).done:
            self._beat()
        del self._under_way[part.name]
        return self._taken.result()

    def _start(self, part: Slice) -> None:
        assert self._pool is not None
        self._under_way[part.name] = self._pool.submit(self.source.read, part)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is None:
            return
        # first no read begins any more: one that began after the others were given up would go on
        self._pool.shutdown(wait=False, cancel_futures=True)
        if kind is not None and isinstance(self.source, ReadsAhead):
            self.source.give_up()
        for future in (*self._under_way.values(), *((self._taken,) if self._taken else ())):
            future.add_done_callback(_free)
        # what was given up ends at once; a source that does not let go of a read is not waited for
        wait([one for one in self._under_way.values() if not one.cancelled()], timeout=_GRACE_SECONDS)


def _free(future: Future[Batch]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().close()
