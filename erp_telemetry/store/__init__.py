"""The store: the only thing that remembers. One DuckDB file of canonical tables, rollups, ledger."""

from erp_telemetry.store.database import Store
from erp_telemetry.store.landings import CarefulReadNeeded, Landed, land
from erp_telemetry.store.rollups import ROLLUPS

__all__ = ["ROLLUPS", "CarefulReadNeeded", "Landed", "Store", "land"]
