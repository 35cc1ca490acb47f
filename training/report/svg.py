"""Plots as SVG text: bars with intervals, and lines. Pure functions, without a library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#2563a8", "#d97706", "#15803d", "#7c3aed", "#64748b", "#b91c1c")
_WIDTH, _LEFT, _ROW = 460, 150, 22
_HEIGHT, _MARGIN = 220, 42


def bars(title: str, rows: Sequence[tuple[str, float, float, float]]) -> str:
    """Horizontal bars (name, mean, low, high); the thin line is the interval."""
    largest = max([value for row in rows for value in row[1:] if value == value] + [1e-9])
    scale = (_WIDTH - _LEFT - 70) / largest
    parts = [_text(0, 14, title, "start", bold=True)]
    for place, (name, mean, low, high) in enumerate(rows):
        top = 24 + place * _ROW
        colour = COLOURS[place % len(COLOURS)]
        parts.append(_text(_LEFT - 6, top + 12, name, "end"))
        parts.append(
            f'<rect x="{_LEFT}" y="{top}" width="{max(0.0, mean) * scale:.1f}" height="15" fill="{colour}"/>'
        )
        if low == low and high == high:
            ends = f'x1="{_LEFT + low * scale:.1f}" x2="{_LEFT + high * scale:.1f}"'
            parts.append(
                f'<line {ends} y1="{top + 7.5}" y2="{top + 7.5}" stroke="currentColor" stroke-width="1.5"/>'
            )
        end = _LEFT + max(mean, high if high == high else mean) * scale
        parts.append(_text(end + 5, top + 12, f"{mean:.4f}", "start"))
    return _svg(_WIDTH, 30 + len(rows) * _ROW, parts, title)


def lines(title: str, series: Mapping[str, Sequence[float]], labels: tuple[str, str]) -> str:
    """Lines over equal steps, from 0 to their largest value; ``labels`` name the two ends of the axis."""
    largest = max([y for values in series.values() for y in values] + [1e-9])
    parts = [_text(0, 14, title, "start", bold=True)]
    bottom, right = _HEIGHT - 24, _WIDTH - 10
    parts.append(f'<path d="M{_MARGIN},24V{bottom}H{right}" fill="none" stroke="currentColor" opacity=".5"/>')
    parts += [_text(_MARGIN - 4, 30, f"{largest:.3g}", "end"), _text(_MARGIN - 4, bottom, "0", "end")]
    parts += [_text(_MARGIN, bottom + 16, labels[0], "start"), _text(right, bottom + 16, labels[1], "end")]
    for place, (name, values) in enumerate(series.items()):
        colour, steps = COLOURS[place % len(COLOURS)], max(1, len(values) - 1)
        points = [
            f"{_MARGIN + x * (right - _MARGIN) / steps:.1f},{bottom - y / largest * (bottom - 28):.1f}"
            for x, y in enumerate(values)
        ]
        parts.append(
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        if len(values) == 1:
            x, y = points[0].split(",")
            parts.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>')
        parts.append(
            f'<text x="{_MARGIN + 8 + place * 140}" y="{_HEIGHT + 12}" fill="{colour}">{escape(name)}</text>'
        )
    return _svg(_WIDTH, _HEIGHT + 18, parts, title)


def _text(x: float, y: float, text: str, anchor: str, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    shown = escape(text)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor"{weight}>{shown}</text>'


def _svg(width: int, height: int, parts: Sequence[str], title: str) -> str:
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
    return head + "".join(parts) + "</svg>"
