"""The places telemetry comes from: one file per source, each a frozen dataclass."""
