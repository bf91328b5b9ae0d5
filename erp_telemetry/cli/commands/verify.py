"""verify: is the ledger of pulls whole?"""

from __future__ import annotations

from pathlib import Path

from erp_telemetry.cli import screens
from erp_telemetry.cli.arguments import JsonOption, StoreOption, existing


def verify(store: StoreOption = Path("erp.duckdb"), as_json: JsonOption = False) -> None:
    """Check that nothing in the ledger of pulls was changed after the fact.

    Example: `erp-telemetry verify --store erp.duckdb`
    """
    entries = existing(store).verify()
    if as_json:
        screens.print_json([{"store": str(store), "entries": entries, "is_whole": True}])
    else:
        screens.say(f"{screens.safe(store)}: {entries:,} ledger entries, the chain is whole")
