"""The machine a benchmark ran on, in facts that explain its figures."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("erp-telemetry", "duckdb", "polars", "numpy", "pyarrow", "pandas", "chdb", "orjson", "loglead")
FLAGS = ("avx2", "avx512f", "avx512dq", "avx512_vbmi2", "asimd", "sve")
"""What numpy's sort and simdjson choose their kernels by."""


def facts() -> dict[str, Any]:
    """Processor, cores, memory, vector instructions, versions and the day."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _told("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "vector_instructions": [flag for flag in FLAGS if flag in _flags()],
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _told(path: str, key: str) -> str | None:
    """What a file of ``key : value`` lines says first of a key; ``None`` where there is no such file."""
    if not Path(path).is_file():
        return None
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def _flags() -> list[str]:
    return (_told("/proc/cpuinfo", "flags") or _told("/proc/cpuinfo", "Features") or "").split()


def _memory_gib() -> float | None:
    told = _told("/proc/meminfo", "MemTotal")
    return round(int(told.split()[0]) / 2**20, 1) if told else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
