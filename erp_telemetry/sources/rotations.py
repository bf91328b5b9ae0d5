"""Rotations: what a file is called whatever logrotate made of it, which tells replicas apart and copies not."""

from __future__ import annotations

import re
from pathlib import Path

_PACKED = re.compile(r"\.(gz|zst)$", re.IGNORECASE)
# .1, -20260701, .2026-07-01 or -20260701-1782864000 at the end, as logrotate and rotatelogs write it
_ROTATED = re.compile(r"(\.\d{1,3}|[-._]\d{4}-?\d{2}-?\d{2}([-T_.]?\d+)?)$")


def stem(path: Path) -> str:
    """The name of a file without packing, rotation and suffix: ``web-1`` for ``web-1.log.2.gz``."""
    name = _ROTATED.sub("", _PACKED.sub("", path.name))
    return Path(name).stem or path.name
