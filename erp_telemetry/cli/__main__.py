"""``python -m erp_telemetry.cli``."""

from erp_telemetry.cli.commands import main

main()
