"""Azure logs: tables of a Log Analytics workspace, pulled whole by slices of time, or said to be short."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from erp_telemetry.catalog import Statement
from erp_telemetry.errors import PartialAnswer
from erp_telemetry.slices import Batch, Plan, Slice
from erp_telemetry.sources import (
    azure_answers,
    azure_arguments,
    azure_bodies,
    azure_folders,
    azure_plans,
    azure_spans,
)
from erp_telemetry.sources.azure_limits import AzureLimits
from erp_telemetry.sources.azure_scopes import Scope, scope
from erp_telemetry.sources.azure_wire import PUBLIC, Wire
from erp_telemetry.window import Window
from erp_telemetry.workspace_queries import WorkspaceQuery, own_queries, workspace_queries, workspace_query

_STAGED = Statement("select * from staged")


@dataclass(frozen=True)
class AzureLogs:
    """Tables of a Log Analytics workspace, each by its query in ``queries/azure``.

    A pull reads what happened in its window and arrived before the service's own time less
    ``limits.settle``. Every slice is counted by the service and kept only where as many rows came. Moments
    younger than ``limits.late`` are asked for again by later pulls, for what has arrived since; older ones by
    pulls of their own window. A table on the Basic or Auxiliary plan is found out and asked by search, which
    Azure bills by the data it scans.

    Args:
        workspace: the Workspace ID, a GUID; or the resource id of an Application Insights resource, of which the
            classic tables are asked (``requests``, ``dependencies``, ``traces`` …).
        credential: any object with ``get_token``; default: ``DefaultAzureCredential``.
        tables: names of Azure tables, such as ``("AppRequests",)``; each has to be there. Default: every
            table there is a query for; the receipt names those that the workspace does not have.
        limits: what the service allows, and patience.
        allow_partial: keep what came of what cannot be counted or had whole; the receipt says what is missing.
        endpoint: of another cloud, such as ``https://api.loganalytics.us``.
        connection_verify: a file with the authorities to trust, where a proxy opens TLS, or a folder of such files.
        without: names of Azure tables to leave out.
        queries: a folder with ``.kql`` files of yours, for tables of yours or in place of ours for a table they read.

    Raises:
        TypeError: an argument of another type.
        ValueError: what is no workspace, table, endpoint, folder of queries or file of authorities.
        QueryError: a query of yours is not as the others are.
    """

    workspace: str
    credential: Any = field(default=None, repr=False, compare=False)
    tables: tuple[str, ...] | None = None
    limits: AzureLimits = field(default_factory=AzureLimits)
    allow_partial: bool = False
    endpoint: str = PUBLIC
    connection_verify: bool | str | Path = True
    without: tuple[str, ...] = ()
    queries: str | Path | None = None
    _scope: Scope = field(init=False, repr=False, compare=False)
    _known: tuple[WorkspaceQuery, ...] = field(init=False, repr=False, compare=False)
    _wire: Wire = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        azure_arguments.check_kinds(self.workspace, self.credential, self.limits, self.allow_partial)
        object.__setattr__(self, "_scope", scope(self.workspace))
        object.__setattr__(self, "workspace", self.workspace.lower())
        object.__setattr__(self, "endpoint", azure_arguments.endpoint(self.endpoint))
        verified = azure_arguments.authorities(self.connection_verify)
        object.__setattr__(self, "connection_verify", verified)
        self._read_tables()
        if not verified:
            azure_arguments.warn_unverified(depth=3)
        object.__setattr__(self, "_wire", Wire(
            self._scope, self.credential, self.endpoint, verified, self.limits))

    def _read_tables(self) -> None:
        family = self._scope.family
        own = () if self.queries is None else own_queries(azure_arguments.folder(self.queries))
        taken = {query.reads for query in own}
        ours = (workspace_query(f"{family}/{name}") for name in workspace_queries(family))
        object.__setattr__(self, "_known", (*(query for query in ours if query.reads not in taken), *own))
        reads = [query.reads for query in self._known]
        for argument in ("tables", "without"):
            if argument == "without" or self.tables is not None:
                found = azure_arguments.names(getattr(self, argument), argument, reads, f"queries/{family}")
                object.__setattr__(self, argument, found)
        if self.tables == ():
            raise ValueError("tables is empty, which would pull nothing: name a table, or leave tables out for all")
        if not self._queries(None):
            raise ValueError("without leaves no table to pull: name fewer")

    @property
    def name(self) -> str:
        """``azure_logs``."""
        return "azure_logs"

    @property
    def ahead(self) -> int:
        """As many slices are read at a time as the service allows queries."""
        return self.limits.concurrent

    @property
    def received(self) -> int:
        """Bytes of all answers so far."""
        return self._wire.received

    def give_up(self) -> None:
        """Abandon the reads under way."""
        self._wire.give_up()

    def slices(self, table: str | None, window: Window | None, ledger: pl.DataFrame) -> Plan:
        """What is not held of the window, what has arrived since of it or any young moment, and what is incomplete.

        Raises:
            ValueError: no window: a workspace has no end.
            SourceError: a table that was named is not there, or a query does not run.
        """
        if window is None:
            raise ValueError("a workspace is asked for a window, such as pull(source, store, Window.last(days=7))")
        azure_folders.sweep()
        era = self._wire.begin()
        before = azure_plans.service_clock(self._wire) - self.limits.settle
        planner = azure_plans.Planner(self._wire, window, before, self.limits.late, era, self.allow_partial)
        told = ledger.select("slice", "fingerprint").iter_rows() if ledger.width else ()
        entries = [azure_spans.entry(self._scope.key, name, mark) for name, mark in told]
        return planner.plan(self._queries(table), filter(None, entries), frozenset(self.tables or ()) - {*self.without})

    def read(self, part: Slice, careful: bool = False) -> Batch:
        """Download one slice; ``careful`` downloads it anew, counts it anew, and names rows it cannot read."""
        told = azure_spans.entry(self._scope.key, part.name, part.fingerprint)
        if told is None:
            raise ValueError(f"{part.name} is no slice of {self._scope.title}")
        query = next((one for one in self._known if one.name.rpartition("/")[2] == told.file), None)
        if query is None:
            raise ValueError(f"{part.name} is asked by a query that this source does not have")
        span, count = told.span, told.count
        reader = azure_bodies.Reader(self._wire, query, self.allow_partial, self._wire.era, careful)
        if not count:
            return Batch({}, expected_count=0, must_be_whole=True)
        with ExitStack() as undo:
            body = reader.download(span, count)
            undo.callback(body.close)
            if careful:
                count = reader.count(span)
            if body.missing:
                count = max(count, body.missing + sum(azure_answers.spell_out(file) for file in body.files))
            if not body.files:
                if not self.allow_partial:
                    raise PartialAnswer(f"{part.name}: its {count:,} rows are gone: pull again")
                undo.pop_all()
                return Batch({}, expected_count=count, close=body.close)
            rejects = azure_bodies.misfits(query, part.name, body.files) if careful else ()
            staged = azure_bodies.staging(query, span, body.files, careful)
            undo.pop_all()
        return Batch({query.answers: _STAGED}, staged, rejects, count, is_careful=careful,
                     must_be_whole=not body.missing and not (self.allow_partial and careful), close=body.close)

    def _queries(self, table: str | None) -> list[WorkspaceQuery]:
        """Queries of the tables that are wanted, of one canonical table or of all."""
        return [query for query in self._known
                if (self.tables is None or query.reads in self.tables) and query.reads not in self.without
                and table in (None, query.answers)]
