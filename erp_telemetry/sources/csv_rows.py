"""CSV rows: read one after another with their line numbers, so that a stray quote costs one line."""

from __future__ import annotations

import csv
import io
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from erp_telemetry.errors import SourceError
from erp_telemetry.sources.files import Json, Spool, lines


def header(path: Path) -> tuple[list[str], str]:
    """Column names of a CSV file and what parts them: comma, semicolon, tab or bar."""
    for _, text in lines(path):
        delimiter = max(",;\t|", key=text.count)
        try:
            return [name.strip() for name in next(csv.reader(io.StringIO(text), delimiter=delimiter))], delimiter
        except csv.Error as error:
            raise SourceError(f"{path}: its first line is no header: {error}") from error
    raise SourceError(f"{path}: holds no header line")


def rows(spool: Spool, width: int, delimiter: str) -> Iterator[tuple[int | None, str, Json]]:
    """Numbered rows below the header, columns named ``c0, c1, …``; a row of another width is set aside."""
    pulled: list[tuple[int, str]] = []
    again: deque[tuple[int, str]] = deque()
    rest = lines(spool.origin, spool.rejects, is_whole=True)

    def texts() -> Iterator[str]:
        while (line := again.popleft() if again else next(rest, None)) is not None:
            pulled.append(line)
            yield line[1] + "\n"

    reader = csv.reader(texts(), delimiter=delimiter)
    next(reader, None)
    while True:
        pulled.clear()
        try:
            row = next(reader)
            wrong = f"{len(row)} fields where {width} were expected" if row and len(row) != width else None
        except StopIteration:
            return
        except csv.Error as error:
            row, wrong = [], f"not CSV: {error}"
        if wrong is not None:
            # a stray quote swallows what follows: only its own line is lost, the others are read again
            spool.reject(pulled[0][0], wrong, pulled[0][1])
            again.extendleft(reversed(pulled[1:]))
            reader = csv.reader(texts(), delimiter=delimiter)
            continue
        if not row:
            continue
        record: Json = {f"c{at}": value or None for at, value in enumerate(row)}
        yield pulled[0][0], json.dumps(record, ensure_ascii=False), record
