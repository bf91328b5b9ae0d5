"""Writes the samples: ``python data/samples/generate.py --out DIR --days 14 --traffic 1.0 --seed 7``."""

from __future__ import annotations

import argparse
from pathlib import Path

from simulator.plan import Settings
from simulator.run import Simulation


def main() -> None:
    """Read the arguments and write the files."""
    parser = argparse.ArgumentParser(description="Generate ERP telemetry and the truth about it.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--traffic", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    Simulation(chosen.out, Settings(chosen.days, chosen.traffic, chosen.seed)).run()


if __name__ == "__main__":
    main()
