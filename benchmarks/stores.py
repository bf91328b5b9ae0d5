"""Stores of generated traffic: pulled once by the library as it stands, and reused until a line of it changes.

``python benchmarks/stores.py --data DIR --traffic 20m`` pulls one and prints where it is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator import START, TRAFFIC, write_days

if TYPE_CHECKING:
    from erp_telemetry import Window


def store(traffic: str, data: Path) -> Path:
    """The store that holds this traffic, pulled in a process of its own where there is none yet."""
    path = _path(traffic, data)
    if not path.exists():
        command = [sys.executable, __file__, "--data", str(data), "--traffic", traffic]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"no store of {traffic}:\n{done.stdout}{done.stderr}")
    return path


def pulling(traffic: str, data: Path) -> dict[str, Any]:
    """What the pull of that store took: seconds, peak resident MB, rows."""
    told: dict[str, Any] = json.loads(store(traffic, data).with_suffix(".json").read_text(encoding="utf-8"))
    return told


def window(traffic: str) -> Window:
    """The days of the traffic."""
    import erp_telemetry as et

    return et.Window(START, START + timedelta(days=TRAFFIC[traffic].days))


def _path(traffic: str, data: Path) -> Path:
    return data / "stores" / f"{TRAFFIC[traffic].name}-{_digest()}.duckdb"


def _digest() -> str:
    """Of every line of the library and its queries: another library is another store."""
    import erp_telemetry as et

    home = Path(et.__file__).parent
    queries = et.catalog.root()
    digest = hashlib.sha256()
    for file in sorted([*home.rglob("*.py"), *home.rglob("*.toml"), *queries.rglob("*.sql"), *queries.rglob("*.csv")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


def _pull(traffic: str, data: Path) -> Path:
    from timing import peak_mb

    import erp_telemetry as et

    path = _path(traffic, data)
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(f"{TRAFFIC[traffic].name}-*"):
        old.unlink()
    folder, unfinished = write_days(TRAFFIC[traffic], data), path.with_suffix(".unfinished")
    begun = time.perf_counter()
    receipt = et.pull(et.TableFiles(folder), et.Store(unfinished))
    told = {"seconds": time.perf_counter() - begun, "resident_mb": peak_mb(), "rows": receipt.rows["requests"],
            "file_mb": round(unfinished.stat().st_size / 1e6)}
    if told["rows"] != TRAFFIC[traffic].rows:
        raise SystemExit(f"{TRAFFIC[traffic].rows:,} requests were made, but {receipt}")
    path.with_suffix(".json").write_text(json.dumps(told), encoding="utf-8")
    return unfinished.rename(path)


def main() -> None:
    """Pull one store where it is not there yet, and print its path."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--traffic", choices=sorted(TRAFFIC), default="20m")
    chosen = parser.parse_args()
    path = _path(chosen.traffic, chosen.data)
    print(path if path.exists() else _pull(chosen.traffic, chosen.data))


if __name__ == "__main__":
    main()
