"""Plans: which tables are asked by query and which by search, and what a search may say.

A table on the Basic plan is refused by ``/query`` in the service's own words; one on the Auxiliary plan as if it were
not there, which is the other answer that users have met. ``/search`` runs what
Microsoft's page of 2025 allows, which is less than that of September 2026: one such table, with at most five others by
``lookup`` and ``union``; no ``join``, ``find``, ``search``, ``externaldata``, no functions of one's own, no other
workspace. A table on the Basic plan shows its last 30 days.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from erp_telemetry.testing.answers import Reply, bad_query, refusal
from erp_telemetry.testing.kql import QueryRefused, functions_in, names_in, operators_in

BASIC_DAYS = 30
PLANS = ("Analytics", "Basic", "Auxiliary")
_OTHERS = 5
_REFUSED = frozenset(("join", "find", "search", "externaldata"))
_ELSEWHERE = frozenset(("workspace", "app", "resource", "cluster", "database", "adx", "arg"))
_OWN = re.compile(r"\blet\s+\w+\s*=\s*\([^()]*\)\s*\{")


class Plans:
    """The plan of each table; those not named are on the Analytics plan."""

    def __init__(self, plans: Mapping[str, str], tables: frozenset[str]) -> None:
        for table, plan in plans.items():
            if plan not in PLANS:
                raise ValueError(f"{table} is on plan {plan!r}: there are {', '.join(PLANS)}")
            if table not in tables:
                raise ValueError(f"a plan for {table}, and no such table: there are {', '.join(sorted(tables))}")
        self._plans = dict(plans)
        self._tables = tables

    def refuse(self, verb: str, query: str, timespan: str | None) -> Reply | None:
        """Why ``/query`` or ``/search`` does not run a query; ``timespan`` is the one in the address."""
        if verb == "search" and timespan is None:
            return _no("QueryValidationError", "Timespan must be supplied for /search API")
        named = self._tables.intersection(names_in(query))
        by_search = {table for table in named if self._plans.get(table, PLANS[0]) != PLANS[0]}
        if not by_search:
            return None
        if verb == "query" and any(self._plans[table] == "Auxiliary" for table in by_search):
            # so a custom table was refused in microsoft/msticpy#819
            return Reply(400, bad_query(QueryRefused(
                "SEM0100", f"Failed to resolve table or column expression named '{min(by_search)}'")))
        if verb == "query":
            return _no("UnsupportedApiQueryValidationError",
                       "Query of Basic Logs table is not supported with the API "
                       "'https://api.loganalytics.io/v1/workspaces/{workspaceId}/query'.\nYou can use "
                       "'https://api.loganalytics.io/v1/workspaces/{workspaceId}/search' instead.\nTo learn more on "
                       "queries on Basic Logs table, read here: https://aka.ms/basicLogsQueryAPI.")
        if len(by_search) > 1 or len(named) > 1 + _OTHERS:
            return _no("QueryValidationError", "The query should contain a single Basic or Auxiliary Logs table. The "
                       "query should contain up to five Analytics Logs tables.")
        unfit = sorted(_REFUSED.intersection(operators_in(query)) | _ELSEWHERE.intersection(functions_in(query)))
        if _OWN.search(query):
            unfit.append("a function of one's own")
        if unfit:
            return _no("QueryValidationError",
                       f"Not supported in a query of a Basic or Auxiliary Logs table: {', '.join(unfit)}")
        return None

    def reach(self, query: str, now: datetime) -> datetime | None:
        """The moment from which on the tables of a search show rows; ``None`` where none ends their reach."""
        is_basic = any(self._plans.get(table) == "Basic" for table in self._tables.intersection(names_in(query)))
        return now - timedelta(days=BASIC_DAYS) if is_basic else None


def _no(code: str, message: str) -> Reply:
    return Reply(400, refusal("BadArgumentError", "The request had some invalid properties", {
        "code": code, "message": message}))
