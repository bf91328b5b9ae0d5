"""Drawings: a chart as SVG inside a page: it takes the page's ink, scales with its column, asks for nothing."""

from __future__ import annotations

import json
import re
from typing import Any

from erp_telemetry.views.charts import Drawing

# a colour that no chart uses stands for the ink of the page, which is light or dark
_INK = "#010203"
_CONFIG: dict[str, Any] = {
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {"labelColor": _INK, "titleColor": _INK, "gridColor": _INK, "gridOpacity": 0.13, "domain": False,
             "tickColor": _INK, "tickOpacity": 0.4, "labelFontSize": 11, "titleFontSize": 11, "title": None},
    "axisX": {"grid": False, "tickCount": 4, "labelOverlap": True, "labelFlush": True},
    "axisY": {"tickCount": 3},
    "legend": {"labelColor": _INK, "titleColor": _INK},
    "title": {"color": _INK},
}
# what Vega says for screen readers of each mark; the page says it once, in words
_VOICED = re.compile(r' (?:aria-[a-z]+|role|tabindex)="[^"]*"')


def can_draw() -> bool:
    """Whether charts can become SVG here: it takes the package vl-convert-python."""
    try:
        import vl_convert  # noqa: F401
    except ImportError:
        return False
    return True


def drawing(chart: Drawing, name: str, *, width: int, height: int, stamp: str) -> str:
    """A chart as one ``<svg>`` that fills its column; ``name`` makes its ids unique on the page.

    ``stamp`` is how moments are written below it, such as ``%H:%M``.

    Raises:
        ImportError: vl-convert-python is not installed; ask ``can_draw`` before.
    """
    import vl_convert

    # the chart was checked when it was made
    spec = chart.to_dict(validate=False)
    spec.update(width=width, height=height, config=_CONFIG)
    spec.pop("title", None)
    for layer in spec.get("layer", ()):
        layer.pop("title", None)
        for axis in ("x", "y"):
            # the caption beside it says what it shows
            if isinstance(layer.get("encoding", {}).get(axis), dict):
                layer["encoding"][axis]["title"] = None
        if isinstance(layer.get("encoding", {}).get("x"), dict):
            layer["encoding"]["x"]["axis"] = {"format": stamp}
    return _inline(vl_convert.vegalite_to_svg(json.dumps(spec)), name)


def _inline(svg: str, name: str) -> str:
    # Vega counts ids on over the life of the process, and two charts share a page
    seen: dict[str, str] = {}
    for found in re.findall(r'\bid="([^"]+)"', svg):
        seen.setdefault(found, f"{name}-{len(seen)}")
    for old, new in seen.items():
        svg = re.sub(rf'(id="|url\(#|href="#){re.escape(old)}(?=["\)])', rf"\g<1>{new}", svg)
    svg = _VOICED.sub("", svg).replace(_INK, "currentColor")
    size = re.search(r'<svg[^>]*\bviewBox="([^"]+)"', svg)
    box = size[1] if size else ""
    return re.sub(r"<svg[^>]*>", f'<svg viewBox="{box}" aria-hidden="true" focusable="false">', svg, count=1)
