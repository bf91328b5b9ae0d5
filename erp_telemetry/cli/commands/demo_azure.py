"""demo --azure: what the samples have of Azure, pulled from a workspace that speaks as Azure's does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import erp_telemetry as et
from erp_telemetry.cli import screens

if TYPE_CHECKING:
    from polars import DataFrame

    from erp_telemetry import Store, Window

_HOUR = timedelta(hours=1)


def exported_tables(folder: Path) -> dict[str, DataFrame]:
    """The tables that a folder of samples has as files of continuous export and of diagnostic settings."""
    from erp_telemetry.testing import exported

    left_out: list[str] = []
    places = [place for place in (folder / "azure" / "export", folder / "azure" / "diagnostics") if place.is_dir()]
    tables = exported(*places, left_out=left_out)
    if not tables:
        raise et.SourceError(f"{folder} has neither azure/export nor azure/diagnostics: give the samples by --samples")
    for said in left_out:
        screens.say(f"left out of the workspace: {screens.safe(said)}")
    return tables


def pulled_from_azure(tables: dict[str, DataFrame], store: Store) -> Window:
    """Pull tables from a workspace on this machine that holds them; the whole hours they cover."""
    from erp_telemetry.testing import LoopbackAzure

    first, last = (find(find(frame["TimeGenerated"].to_list()) for frame in tables.values()) for find in (min, max))
    start = first.replace(minute=0, second=0, microsecond=0)
    span = et.Window(start, start + ((last - start) // _HOUR + 1) * _HOUR)
    try:
        loopback = LoopbackAzure(tables)
    except ImportError as error:
        raise et.SourceError(f"a stand-in for Azure cannot be made: {error}") from error
    with loopback as azure:
        azure.clock = span.stop + timedelta(days=1)
        source = et.AzureLogs(azure.workspace, azure.credential, endpoint=azure.endpoint,
                              connection_verify=azure.certificate)
        screens.say(f"a workspace on this machine stands in for Azure: {', '.join(sorted(tables))}")
        with screens.progress(source.name) as show:
            receipt = et.pull(source, store, span, progress=show)
        screens.print_receipt(receipt)
        screens.say(f"{len(azure.asked)} queries in KQL were asked over TLS and run")
    return span
