"""Your own DataFrames as a source."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from erp_telemetry.errors import FrameError, nearest
from erp_telemetry.schema import TABLES, TIME, Column, Table, polars_schema
from erp_telemetry.slices import Batch, Slice
from erp_telemetry.sources.files import unseen
from erp_telemetry.window import Window

_DOOR = tuple(Column(name, "VARCHAR", "") for name in ("synthetic", "user_agent", "url_path"))


@dataclass(frozen=True, init=False, eq=False)
class Frames:
    """Polars frames by canonical table name, such as ``Frames(requests=df)``.

    Columns outside the schema are left out. Times must carry a zone. A weight that is missing is 1.
    Raises ``FrameError`` naming frame, column, found and wanted.
    """

    tables: Mapping[str, pl.DataFrame]

    def __init__(self, **tables: pl.DataFrame) -> None:
        held = {name: _checked(name, frame) for name, frame in tables.items()}
        object.__setattr__(self, "tables", MappingProxyType(held))

    @property
    def name(self) -> str:
        """``frames``."""
        return "frames"

    def slices(self, table: str | None, window: Window | None, ledger: pl.DataFrame) -> list[Slice]:
        """One slice per frame whose content the ledger does not hold."""
        return unseen(
            # another frame is another slice: only a file can be the same one, grown
            (Slice(f"{self.name}:{name}:{mark[:12]}", mark, table=name, rows=frame.height)
             for name, frame in self.tables.items() if table in (None, name) for mark in (_fingerprint(frame),)),
            ledger,
        )

    def read(self, part: Slice, careful: bool = False) -> Batch:
        """The frame itself; it is already checked, so both ways of reading are one."""
        name = part.table or ""
        if name not in self.tables:
            raise FrameError(f"no frame {name!r}. {nearest(name, self.tables)}")
        frame = self.tables[name]
        return Batch({name: frame}, expected_count=frame.height)


def _fingerprint(frame: pl.DataFrame) -> str:
    digest = hashlib.sha256(repr(frame.schema).encode())
    for batch in frame.iter_slices(65536):
        digest.update(batch.write_ndjson().encode())
    return digest.hexdigest()[:32]


def _checked(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The canonical columns of a frame in their canonical types."""
    if name not in TABLES:
        raise FrameError(f"no table {name!r}. {nearest(name, TABLES)}")
    if not isinstance(frame, pl.DataFrame):
        raise FrameError(f"{name}: found {type(frame).__name__}, wanted polars.DataFrame; collect() a LazyFrame first, "
                         "and pl.DataFrame(…) takes pandas, Arrow and lists of records")
    table = TABLES[name]
    missing = [one for one in table.required if one != "weight" and one not in frame.columns]
    if missing:
        raise FrameError(
            f"{name}: needs the columns {', '.join(missing)}; found are {', '.join(frame.columns)}"
        )
    given_columns = [column for column in table.columns if column.name not in ("source", "entry")]
    columns = [*given_columns, *(_DOOR if name in ("requests", "dependencies") else ())]
    parts = [_column(table, column, frame.schema[column.name]) for column in columns if column.name in frame.columns]
    if "weight" in table.names:
        parts = [part for part in parts if part.meta.output_name() != "weight"]
        given = "weight" in frame.columns
        weight = _column(table, _named(table, "weight"), frame.schema["weight"]) if given else pl.lit(1.0)
        parts.append(weight.fill_null(1.0).alias("weight"))
    return frame.select(parts)


def _named(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.name == name)


def _column(table: Table, column: Column, found: pl.DataType) -> pl.Expr:
    wanted = polars_schema((column,))[column.name]
    value = pl.col(column.name)
    if found == wanted:
        return value
    if found == pl.Null():
        return value.cast(wanted)
    if column.dtype == TIME and isinstance(found, pl.Datetime) and found.time_zone is not None:
        return value.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    if column.dtype in ("DOUBLE", "INTEGER") and found.is_numeric():
        return value.cast(wanted)
    if column.dtype in ("VARCHAR", "JSON") and (isinstance(found, pl.Categorical | pl.Enum) or found.is_integer()):
        return value.cast(wanted)
    if column.dtype.endswith("[]") and isinstance(found, pl.List):
        return value.cast(wanted)
    raise FrameError(f"{table.name}.{column.name}: found {found}, wanted {wanted}{_hint(found)}")


def _hint(found: pl.DataType) -> str:
    if isinstance(found, pl.Datetime):
        return "; a time needs its zone: .dt.replace_time_zone(\"UTC\") if it is UTC"
    return ""
