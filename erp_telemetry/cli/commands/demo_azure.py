"""demo --azure: the requests of the samples, pulled from a workspace that speaks as Azure's does."""

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
    """The tables of the continuous export in a folder of samples."""
    from erp_telemetry.testing import exported

    place = folder / "azure" / "export"
    tables = exported(place) if place.is_dir() else {}
    if not tables:
        raise et.SourceError(f"{folder} has no azure/export: give the samples by --samples")
    return tables


def pulled_from_azure(tables: dict[str, DataFrame], store: Store) -> Window:
    """Pull tables from a workspace on this machine that holds them; the whole hours they cover."""
    from erp_telemetry.testing import LoopbackAzure

    moments = [moment for frame in tables.values() for moment in frame["TimeGenerated"].to_list()]
    start = min(moments).replace(minute=0, second=0, microsecond=0)
    span = et.Window(start, start + ((max(moments) - start) // _HOUR + 1) * _HOUR)
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
