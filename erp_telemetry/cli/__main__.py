"""``python -m erp_telemetry.cli``."""

from erp_telemetry.cli.app import main

main()
