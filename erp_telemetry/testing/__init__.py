"""A loopback Azure for tests: the real client speaks to it over TLS, and the KQL it sends is run."""

from erp_telemetry.testing import faults
from erp_telemetry.testing.exports import exported
from erp_telemetry.testing.faults import Fault
from erp_telemetry.testing.loopback import LoopbackAzure
from erp_telemetry.testing.services import Asked

__all__ = ["Asked", "Fault", "LoopbackAzure", "exported", "faults"]
